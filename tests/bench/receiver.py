"""A minimal receiver of webhooks: `python -m tests.bench.receiver PORT`.

It answers a delivery with 204, and a GET with {webhook-id: [times of arrival]} as JSON.
"""

import asyncio
import json
import re
import sys
import time
from collections import defaultdict

came = defaultdict(list)


class Exchange(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        self.data += data
        head, end, body = self.data.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET"):
            answer = json.dumps(came).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
            self.transport.close()
        elif len(body) >= int(re.search(rb"(?i)content-length: (\d+)", head)[1]):
            came[re.search(rb"(?i)webhook-id: (\S+)", head)[1].decode()].append(time.time())
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            self.transport.close()


async def main(port):
    server = await asyncio.get_running_loop().create_server(Exchange, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
