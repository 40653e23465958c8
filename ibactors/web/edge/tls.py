"""TLS for those without a proxy: TLS 1.2 at least, with a certificate that can be exchanged while the service runs."""

import ssl

from ibactors.errors import StartupError


class Certificate:
    """The certificate that new connections are shown."""

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate = certificate
        self._key = key
        self.load()

    def load(self) -> None:
        """Read the files; connections from now on get what they hold. Raises StartupError, and changes nothing then."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key or None, password=self._refuse_passphrase)
        except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
            raise StartupError(
                f"IBACTORS_TLS_CERTIFICATE {self._certificate!r} and IBACTORS_TLS_KEY {self._key!r} cannot be used: {exc}."
            ) from None
        self.context = context

    def _refuse_passphrase(self) -> str:
        """In place of OpenSSL's prompt, which would stop the event loop until somebody types at the terminal."""
        raise StartupError(
            f"The private key in {self._key or self._certificate!r} is encrypted, and nobody is asked for its passphrase. Write it without "
            "one (`openssl pkey -in KEY -out PLAIN`), in a file that only the service may read, and name that by IBACTORS_TLS_KEY."
        )
