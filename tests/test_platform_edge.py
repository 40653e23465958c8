"""What web/edge relies on in h11 and wsproto, whose documents do not say it; a failure here says which upgrade needs a look."""

import h11
import pytest
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
MASK = b"\0\0\0\0"


class Limit(Extension):
    """Looks at the head of each frame."""

    name = "limit"

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.heads: list[tuple[Opcode, int]] = []

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool | str:
        return False

    def frame_inbound_header(
        self, _proto: FrameDecoder | FrameProtocol, opcode: Opcode, _rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        self.heads.append((opcode, payload_length))
        return CloseReason.MESSAGE_TOO_BIG if payload_length > self.longest else RsvBits(rsv1=False, rsv2=False, rsv3=False)


def test_wsproto_shows_an_extension_each_head_and_ends_with_the_code_that_it_gives() -> None:
    limit = Limit(10)
    frames = Connection(ConnectionType.SERVER, [limit])
    frames.receive_data(b"\x81\x82" + MASK + b"ok" + b"\x89\x80" + MASK)
    assert [type(event) for event in frames.events()] == [TextMessage, Ping]
    assert [opcode for opcode, _ in limit.heads] == [Opcode.TEXT, Opcode.PING]
    frames.receive_data(b"\x81\xff" + (1 << 30).to_bytes(8, "big") + MASK)
    (end,) = frames.events()
    assert isinstance(end, CloseConnection)
    assert end.code == CloseReason.MESSAGE_TOO_BIG


def test_wsproto_tells_of_a_message_in_the_pieces_that_come() -> None:
    frames = Connection(ConnectionType.SERVER, [])
    frames.receive_data(b"\x01\x82" + MASK + b"ab")
    frames.receive_data(b"\x80\x84" + MASK + b"cd")
    pieces = list(frames.events())
    frames.receive_data(b"ef")
    pieces += frames.events()
    assert "".join(str(piece.data) for piece in pieces if isinstance(piece, TextMessage)) == "abcdef"
    assert isinstance(pieces[-1], TextMessage)
    assert [piece.message_finished for piece in pieces if isinstance(piece, TextMessage)].count(True) == 1
    assert pieces[-1].message_finished


@pytest.mark.parametrize(("data", "code"), [(b"\x81\x02ok", 1002), (b"\x81\x81" + MASK + b"\xff", 1007), (b"\x83\x80" + MASK, 1002)])
def test_wsproto_names_the_rule_that_was_broken_and_stays_open_for_our_answer(data: bytes, code: int) -> None:
    frames = Connection(ConnectionType.SERVER, [])
    frames.receive_data(data)
    end = next(event for event in frames.events() if isinstance(event, CloseConnection))
    assert end.code == code
    assert frames.state is ConnectionState.OPEN
    assert frames.send(CloseConnection(code=code)).startswith(b"\x88")
    assert frames.state is not ConnectionState.OPEN


def test_h11_hands_over_what_came_behind_an_upgrade() -> None:
    http = h11.Connection(h11.SERVER)
    http.receive_data(UPGRADE + b"\x81\x80")
    assert isinstance(http.next_event(), h11.Request)
    assert isinstance(http.next_event(), h11.EndOfMessage)
    http.send(h11.InformationalResponse(status_code=101, headers=[("Upgrade", "websocket")]))
    assert http.our_state is h11.SWITCHED_PROTOCOL
    assert http.trailing_data == (b"\x81\x80", False)


def test_h11_refuses_a_head_that_does_not_end() -> None:
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=1000)
    http.receive_data(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300)
    with pytest.raises(h11.RemoteProtocolError) as caught:
        http.next_event()
    assert caught.value.error_status_hint == 431
    assert http.their_state is h11.ERROR
    assert http.our_state in {h11.IDLE, h11.SEND_RESPONSE}
    assert http.send(h11.Response(status_code=431, headers=[("Content-Length", "0")])).startswith(b"HTTP/1.1 431")


def test_h11_waits_with_the_next_request_until_the_answer_is_whole() -> None:
    http = h11.Connection(h11.SERVER)
    http.receive_data(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [type(http.next_event()) for _ in range(2)] == [h11.Request, h11.EndOfMessage]
    assert http.next_event() is h11.PAUSED
    assert http.trailing_data[0].startswith(b"GET /2")
    http.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
    http.send(h11.EndOfMessage())
    http.start_next_cycle()
    following = http.next_event()
    assert isinstance(following, h11.Request)
    assert following.target == b"/2"


def test_h11_closes_after_an_answer_that_comes_before_the_end_of_its_request() -> None:
    http = h11.Connection(h11.SERVER)
    http.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
    assert isinstance(http.next_event(), h11.Request)
    assert http.they_are_waiting_for_100_continue
    http.send(h11.Response(status_code=413, headers=[("Content-Length", "0"), ("Connection", "close")]))
    http.send(h11.EndOfMessage())
    assert http.our_state is h11.MUST_CLOSE
