from client_tests.clients import Clients
from client_tests.harness import Server
from server.contract.operations import *


async def test_send_over_three_transports_reaches_everyone(server: Server, clients: Clients) -> None:
    """x."""
    a = await clients.socket(server.url, 1)
    b = await clients.plain(server.url, 2)
    c = clients.http(server.url, 1)
    r = await a.call("create_thread", {"kind": "direct", "participant_ids": [2]})
    tid = r["data"]["id"]
    for x in (a, b, c):
        assert (await x.call("send_message", {"thread_id": tid, "content": "x"}))["ok"]
    await a.heard("new_message", count=3)
    await b.heard("new_message", count=3)


async def test_pg(start, postgres_url, clients: Clients) -> None:
    server = await start(DATABASE_URL=postgres_url)
    await test_send_over_three_transports_reaches_everyone(server, clients)


async def test_redis(start, postgres_url, redis, clients: Clients) -> None:
    s1 = await start(DATABASE_URL=postgres_url, REDIS_URL=redis.url)
    s2 = await start(DATABASE_URL=postgres_url, REDIS_URL=redis.url)
    a = await clients.socket(s1.url, 1)
    b = await clients.plain(s2.url, 2)
    r = await a.call("create_thread", {"kind": "direct", "participant_ids": [2]})
    tid = r["data"]["id"]
    for x in (a, b):
        assert (await x.call("send_message", {"thread_id": tid, "content": "x"}))["ok"]
    await a.heard("new_message", count=2)
    await b.heard("new_message", count=2)
