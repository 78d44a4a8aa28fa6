"""What `actum check` finds in the code of steps and hooks: what writes, and keys that would change."""

from __future__ import annotations

from lint_planting import Plant, expected, found


def test_a_step_that_writes_is_found_and_one_that_reads_is_not(plant: Plant) -> None:
    module = plant(
        """
        import smtplib
        import subprocess
        import urllib.request


        @step
        def mail(to: str) -> str:
            with smtplib.SMTP("localhost") as server:
                server.sendmail("a@example.org", to, "hello")  # expect: step-writes
            return to


        @step
        def push(branch: str) -> str:
            subprocess.run(["git", "push", "origin", branch], check=True)  # expect: step-writes
            subprocess.run("git --no-pager push", shell=True)  # expect: step-writes
            subprocess.run(["git", "log"], check=True)
            return branch


        def send(url: str) -> bytes:
            return urllib.request.urlopen(url, data=b"{}").read()  # expect: step-writes


        @step
        def post(url: str) -> str:
            urllib.request.urlopen(url)
            return send(url).decode()


        @step
        async def save(connection: object, name: str) -> str:
            await connection.execute("insert into names values ($1)", name)  # expect: step-writes
            await connection.fetch("select * from names")
            return name


        @contract(owner=OWNER)
        async def work(name: str) -> str:
            return await save(await post(await push(await mail(name))), await fetch(name))
        """
    )
    assert expected(module) == found(module)


def test_a_client_is_known_by_how_it_was_made(plant: Plant) -> None:
    module = plant(
        """
        try:
            import httpx
        except ImportError:
            httpx = None


        @step
        async def one(url: str) -> str:
            async with httpx.AsyncClient() as client:
                await client.get(url)
                await client.post(url)  # expect: step-writes
                await client.request("DELETE", url)  # expect: step-writes
                await client.request("GET", url)
            return httpx.put(url).text  # expect: step-writes


        @step
        async def two(client: httpx.AsyncClient, url: str) -> str:
            return (await client.patch(url)).text  # expect: step-writes


        @contract(owner=OWNER)
        async def work(name: str) -> str:
            return await two(await one(name), await fetch(name))
        """.replace("client: httpx.AsyncClient,", "client: 'httpx.AsyncClient',")
    )
    assert expected(module) == found(module)


def test_hooks_that_write_and_keys_that_change_are_found(plant: Plant) -> None:
    module = plant(
        """
        import subprocess
        import time


        @effect("mail.send")
        def send(to: str) -> str:
            subprocess.run(["git", "push"], check=True)
            return to


        @send.preview
        def _(to: str) -> Preview:
            subprocess.run(["git", "push"], check=True)  # expect: hook-writes
            return Preview(f"Send a mail to {to}")


        @send.probe
        def _(to: str) -> NotHappened:
            subprocess.run(["git", "push"], check=True)  # expect: hook-writes
            return NotHappened()


        @send.key
        def _(to: str) -> str:
            return f"{to}/{time.time()}"  # expect: key-unstable


        @contract(owner=OWNER, on_failure="hold")
        async def work(to: str) -> str:
            return await send(await fetch(to))
        """
    )
    assert expected(module) == found(module)
