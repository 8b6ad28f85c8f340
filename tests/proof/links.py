"""A process between programs and their servers, whose links can be cut, stalled and led elsewhere.

It reads one command per line, as JSON, and answers each with one line.
"""

import asyncio
import json
import subprocess
import sys

OPEN, CUT, STALLED = "open", "cut", "stalled"


class Links:
    """The links, as those who use them see them: a port for each name."""

    def __init__(self):
        command = [sys.executable, "-m", "tests.proof.links"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = {}

    def _ask(self, *command):
        print(json.dumps(command), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def cut(self, name):
        """Reset every connection, and every new one, until the link is mended."""
        self._ask("set", name, CUT)

    def stall(self, name):
        """Let nothing through, and say nothing, until the link is mended."""
        self._ask("set", name, STALLED)

    def mend(self, name):
        self._ask("set", name, OPEN)

    def lead(self, name, target):
        """Lead a link to ``target``, ``[host, port]`` or the path of a socket, and return the port it has for good.

        What is connected already is reset.
        """
        self.ports[name] = self._ask("lead", name, target)
        return self.ports[name]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class Link:
    def __init__(self):
        self.state, self.ends, self.server, self.target = OPEN, set(), None, None

    async def connect(self, make_end):
        loop = asyncio.get_running_loop()
        if isinstance(self.target, str):
            return await loop.create_unix_connection(make_end, self.target)
        return await loop.create_connection(make_end, *self.target)

    def set(self, state):
        self.state = state
        for end in list(self.ends):
            end.adopt(state)

    def reset(self):
        for end in list(self.ends):
            end.transport.abort()


class End(asyncio.Protocol):
    """One end of a connection: what it receives is sent at the other end, which is None until that is connected."""

    def __init__(self, link, other=None):
        self.link, self.other = link, other

    def connection_made(self, transport):
        self.transport = transport
        self.link.ends.add(self)
        if self.other is None:
            transport.pause_reading()
            self.connecting = asyncio.ensure_future(self.connect())
        else:
            self.other.other = self
            self.other.adopt(self.link.state)
        self.adopt(self.link.state)

    async def connect(self):
        try:
            await self.link.connect(lambda: End(self.link, self))
        except OSError:
            self.transport.abort()

    def adopt(self, state):
        if state == CUT:
            self.transport.abort()
        elif state == STALLED:
            self.transport.pause_reading()
        elif self.other:
            self.transport.resume_reading()

    def data_received(self, data):
        self.other.transport.write(data)

    def connection_lost(self, error):
        self.link.ends.discard(self)
        if self.other:
            self.other.transport.close()


async def serve():
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    links = {}
    while line := await commands.readline():
        verb, name, what = json.loads(line)
        answer = None
        if verb == "lead":
            if name not in links:
                links[name] = link = Link()
                link.server = await loop.create_server(lambda link=link: End(link), "127.0.0.1", 0, backlog=256)
            links[name].target = what
            links[name].reset()
            answer = links[name].server.sockets[0].getsockname()[1]
        else:
            links[name].set(what)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
