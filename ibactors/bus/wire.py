"""What goes over the bus, as arrays of msgpack; quotes inside are the JSON that the holder has made.

The feed is one subject from the holder to all edges, and so one order. Calls go from an edge to the holder, and expire.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from ibactors.model.instruments import Instrument

MOST_OCTETS = 512 * 1024
"""Of the body of one message; a bus takes a mebibyte, unless it is told otherwise."""
MOST_PIECES = 32
"""Of an answer: 16 MiB."""
LONGEST_ORDER = 256 * 1024
"""Octets of a request that changes orders."""
VERSION = 2
"""Of all this. An edge does not listen to a holder of another one."""

Name = Annotated[str, msgspec.Meta(max_length=200)]


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subjects of one session; *root* is the prefix that the settings give."""

    root: str

    @property
    def feed(self) -> str:
        """From the holder to all edges."""
        return f"{self.root}.feed"

    @property
    def call(self) -> str:
        """From edges to the holder."""
        return f"{self.root}.call"

    @property
    def ping(self) -> str:
        """From edges to the holder."""
        return f"{self.root}.ping"

    @property
    def order(self) -> str:
        """From edges to the holder: what changes orders, so that the bus can forbid it to an edge."""
        return f"{self.root}.order"

    def tick(self, sec_type: str, con_id: int) -> str:
        """From the holder to others: the quotes of one instrument."""
        return f"{self.root}.tick.{sec_type}.{con_id}"

    def reply(self, edge: str, number: str) -> str:
        """From the holder to one edge."""
        return f"{self.root}.reply.{edge}.{number}"


class Told(msgspec.Struct, array_like=True, frozen=True):
    """One message of a channel other than quotes."""

    line: int
    about: Name
    """A newer one about the same takes its place, where the channel is conflated."""
    json: bytes
    """As clients get it, or a `Refusal`'s: the line is over."""


class State(msgspec.Struct, array_like=True, frozen=True):
    """The holder's session with the gateway."""

    phase: str
    reason: str | None
    current: bool


class Feed(msgspec.Struct, array_like=True, frozen=True):
    """One message of the feed: a round of what is new, a beat with echoes, or a change of the session's state."""

    stream: str
    """Another one with each connection of the holder to the bus, and with each of its sessions: nothing goes on from the one before."""
    sequence: int
    """One more with each message of a stream."""
    items: list[tuple[int, bytes]] = []
    """The newest of some lines, by number: the JSON of a quote or a `stale`, or a `Refusal`'s."""
    messages: list["Told"] = []
    """Of channels other than quotes, in order."""
    echoes: dict[Name, int] = {}
    """By edge, the last ping of it that the holder has heard."""
    state: State | None = None


class Ping(msgspec.Struct, array_like=True, frozen=True):
    """An edge is there."""

    edge: Name
    nonce: int


class Hello(msgspec.Struct, array_like=True, frozen=True, tag="hello"):
    """What is the state of things? Answered with a `Welcome`."""


class Find(msgspec.Struct, array_like=True, frozen=True, tag="find"):
    """Which contract is meant? Answered with the reading and the contract."""

    instrument: Instrument
    caller: Name


class Open(msgspec.Struct, array_like=True, frozen=True, tag="open"):
    """Put the quotes of an instrument into the feed, as long as this edge is there. Answered with a `Line`."""

    instrument: Instrument
    caller: Name
    fields: frozenset[Name]


class Close(msgspec.Struct, array_like=True, frozen=True, tag="close"):
    """A line is not needed any more."""

    line: int


class Follow(msgspec.Struct, array_like=True, frozen=True, tag="follow"):
    """Put the messages of a channel into the feed, until `Leave`. Answered with a `Followed`, whose body are the first messages."""

    command: Annotated[bytes, msgspec.Meta(max_length=16384)]
    """JSON of what a client would send to subscribe to one thing; equal ones share a line."""
    after: int | None
    """The number of the last message that is known, of a channel whose messages have numbers."""
    seat: int
    """The edge's name for this one, which no other of the same edge has."""
    caller: Name


class Leave(msgspec.Struct, array_like=True, frozen=True, tag="leave"):
    """Nobody wants a `Follow` any more, whether or not it has been answered."""

    seat: int


class Next(msgspec.Struct, array_like=True, frozen=True, tag="next"):
    """What comes next of a channel that is pulled. Answered with a body of messages: none, when nothing comes for a while."""

    command: Annotated[bytes, msgspec.Meta(max_length=16384)]
    """JSON of what a client would send; it names the place."""
    caller: Name


class Read(msgspec.Struct, array_like=True, frozen=True, tag="read"):
    """Answer a GET of one of the edge's clients, who may have it. Answered with a `Response`, in pieces."""

    path: Annotated[str, msgspec.Meta(max_length=2048)]
    query: Annotated[bytes, msgspec.Meta(max_length=65536)]
    accept: Name
    holder: Name
    """By whose share it counts."""
    request_id: Name


class Act(msgspec.Struct, array_like=True, frozen=True, tag="act"):
    """Answer a request of one of the edge's clients that changes orders, which its key may. Answered with a `Response`, in pieces."""

    method: Literal["POST", "PATCH", "PUT", "DELETE"]
    path: Annotated[str, msgspec.Meta(max_length=2048)]
    query: Annotated[bytes, msgspec.Meta(max_length=65536)]
    headers: Annotated[list[tuple[bytes, bytes]], msgspec.Meta(max_length=8)]
    body: Annotated[bytes, msgspec.Meta(max_length=LONGEST_ORDER)]
    caller: Name
    """The name of its key."""
    request_id: Name
    seen: int
    """The newest message of the feed that the edge had; the holder knows when that was, and does nothing that is old."""


Question = Hello | Find | Open | Close | Follow | Leave | Next | Read | Act


class Call(msgspec.Struct, array_like=True, frozen=True):
    """A question of an edge."""

    edge: Name
    stream: str
    """What it is meant for; another session does not answer it. Empty in the first."""
    seconds: Annotated[float, msgspec.Meta(ge=0, le=120)]
    """After which nobody waits for the answer."""
    question: Question


class Welcome(msgspec.Struct, array_like=True, frozen=True):
    """What an edge begins with."""

    version: int
    state: State
    accounts: tuple[str, ...]
    server_version: int | None
    takes_orders: bool = False
    """Whether edges may send `Act`."""


class Line(msgspec.Struct, array_like=True, frozen=True):
    """An opened line."""

    number: int
    newest: bytes | None
    """What is known of it now, as in the feed."""


class Followed(msgspec.Struct, array_like=True, frozen=True):
    """A line of a channel."""

    line: int
    names: dict[Name, Any]
    """Which instrument it is."""


class Response(msgspec.Struct, array_like=True, frozen=True):
    """How a response begins; its body follows it, in this message and in more."""

    status: Annotated[int, msgspec.Meta(ge=100, le=599)]
    headers: list[tuple[bytes, bytes]]


class Refusal(msgspec.Struct, frozen=True, tag_field="type", tag="failed"):
    """One of our errors."""

    code: str
    detail: str
    ib_code: int | None = None
    extra: dict[str, Any] = {}


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """The answer to a call, or a piece of it."""

    stream: str
    sequence: int
    """Of the feed, at the moment of the answer."""
    refusal: Refusal | None = None
    result: msgspec.Raw = msgspec.Raw(b"\xc0")
    body: bytes = b""
    more: bool = False
    """Whether more of the body comes."""


encode = msgspec.msgpack.Encoder().encode
read_feed = msgspec.msgpack.Decoder(Feed).decode
read_ping = msgspec.msgpack.Decoder(Ping).decode
read_call = msgspec.msgpack.Decoder(Call).decode
read_answer = msgspec.msgpack.Decoder(Answer).decode
read_messages = msgspec.msgpack.Decoder(list[Told]).decode
read_found = msgspec.msgpack.Decoder(tuple[Instrument, msgspec.Raw]).decode
