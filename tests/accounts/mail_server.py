"""A mail server (RFC 5321) on a real socket, which can also keep silent or refuse."""

import socket
import threading
from typing import Self, TextIO


class MailServer:
    """Takes one connection after the other. `mood`: "takes", "silent" (no greeting) or "busy" (450 for everybody)."""

    def __init__(self, mood: str = "takes") -> None:
        self.mood, self.mails = mood, list[str]()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        kept = []
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self.mood == "silent":
                kept.append(connection)
                continue
            with connection, connection.makefile("rw", newline="\r\n") as lines:
                self._talk(lines)

    def _talk(self, lines: TextIO) -> None:
        def say(text: str) -> None:
            lines.write(f"{text}\r\n".replace("\r\n", "\n"))
            lines.flush()

        say("220 mail.test ESMTP")
        for line in lines:
            word = line.strip().upper().split(" ")[0]
            if word == "DATA":
                say("354 go on")
                mail = []
                for part in lines:
                    if part.strip() == ".":
                        break
                    mail.append(part)
                self.mails.append("".join(mail))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            elif word == "MAIL" and self.mood == "busy":
                say("450 not now")
            else:
                say("250 mail.test")
