"""Accepts every mail on port 1025 and prints one line of JSON for each."""

import asyncio
import email
import email.policy
import json

from aiosmtpd.smtp import SMTP


class Handler:
    async def handle_DATA(self, _server, _session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(json.dumps({"to": envelope.rcpt_tos, "id": mail["Message-ID"],
                          "subject": mail["Subject"],
                          "text": mail.get_body(("plain",)).get_content()}), flush=True)
        return "250 2.0.0 kept"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), loop=loop), "0.0.0.0", 1025)
    await server.serve_forever()


asyncio.run(main())
