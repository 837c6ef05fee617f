"""toxiproxy-python and chaostoolkit-toxiproxy against a control API: `python script.py HOST PORT UPSTREAM`, which echoes."""

import logging
import socket
import sys
import time

from chaostoxi.proxy import actions as proxies
from chaostoxi.proxy import probes
from chaostoxi.toxic import actions as toxics
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists
from toxiproxy.server import Toxiproxy

logging.disable(logging.CRITICAL)
HOST, PORT, UPSTREAM = sys.argv[1], int(sys.argv[2]), sys.argv[3]
TOXICS = {
    "latency": {"latency": 100, "jitter": 0},
    "bandwidth": {"rate": 1000},
    "slow_close": {"delay": 10},
    "timeout": {"timeout": 10},
    "reset_peer": {"timeout": 0},
    "slicer": {"average_size": 64, "size_variation": 32, "delay": 10},
    "limit_data": {"bytes": 5},
}
TEXT = b"0123456789"


def say(listen, text=TEXT):
    """What comes back through a link, or how the connection ended; and how long it took, in seconds."""
    host, port = listen.rsplit(":", 1)
    started = time.monotonic()
    try:
        with socket.create_connection((host, int(port)), 20) as client:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
            back = b""
            while part := client.recv(4096):
                back += part
            return back, time.monotonic() - started
    except ConnectionError as error:
        return type(error), time.monotonic() - started


def check(kind, back, took):
    if kind == "latency":
        assert back == TEXT and took >= 0.095, (back, took)
    elif kind == "timeout":
        assert back == b"", back
    elif kind == "reset_peer":
        assert back is ConnectionResetError, back
    elif kind == "limit_data":
        assert back != TEXT and TEXT.startswith(back), back
    else:
        assert back == TEXT, (kind, back)


def raises(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError("no %s" % kind.__name__)


def toxiproxy_python():
    server = Toxiproxy()
    server.update_api_consumer(HOST, PORT)
    assert server.running() and b"version" in server.version()
    proxy = server.create(UPSTREAM, "python")
    assert not proxy.listen.endswith(":0") and proxy.enabled
    assert say(proxy.listen)[0] == TEXT
    raises(ProxyExists, lambda: server.create(UPSTREAM, "python"))
    for kind, attributes in TOXICS.items():
        for stream in ("upstream", "downstream"):
            proxy.add_toxic(type=kind, stream=stream, toxicity=1.0, attributes=attributes)
            toxic = proxy.get_toxic("%s_%s" % (kind, stream))
            assert (toxic.type, toxic.stream, toxic.attributes) == (kind, stream, attributes)
            check(kind, *say(proxy.listen))
            raises(ProxyExists, lambda: proxy.add_toxic(type=kind, stream=stream, attributes=attributes))
            assert proxy.destroy_toxic(toxic.name)
            assert proxy.toxics() == {}
    raises(InvalidToxic, lambda: proxy.add_toxic(type="nonsense"))
    raises(InvalidToxic, lambda: proxy.add_toxic(type="latency", stream="sideways"))
    raises(NotFound, lambda: proxy.destroy_toxic("absent"))
    with proxy.down():
        assert say(proxy.listen)[0] is ConnectionRefusedError
        assert not server.get_proxy("python").enabled
    assert say(proxy.listen)[0] == TEXT
    proxy.disable()
    proxy.add_toxic(type="timeout", attributes={"timeout": 0})
    assert server.reset()
    assert server.get_proxy("python").enabled and proxy.toxics() == {}
    made = server.populate([{"name": "one", "upstream": UPSTREAM}, {"name": "python", "upstream": "127.0.0.1:1", "listen": proxy.listen}])
    assert [one.name for one in made] == ["one", "python"]
    assert server.get_proxy("python").upstream == "127.0.0.1:1"
    server.destroy_all()
    assert server.proxies() == {}
    raises(NotFound, made[0].destroy)


def chaostoolkit():
    settings = {"toxiproxy_host": HOST, "toxiproxy_port": PORT}
    host, port = UPSTREAM.rsplit(":", 1)
    assert proxies.create_proxy("chaos", host, int(port), "127.0.0.1", configuration=settings)
    listen = "127.0.0.1:%s" % settings["chaos_PORT"]
    assert say(listen)[0] == TEXT
    assert probes.proxy_exist("chaos", configuration=settings)
    assert not probes.proxy_exist("absent", configuration=settings)
    makers = {
        "latency": lambda name: toxics.create_latency_toxic("chaos", name, 100, configuration=settings),
        "bandwidth": lambda name: toxics.create_bandwith_degradation_toxic("chaos", name, 1000, configuration=settings),
        "slow_close": lambda name: toxics.create_slow_connection_close_toxic("chaos", name, 10, configuration=settings),
        "timeout": lambda name: toxics.create_timeout_toxic("chaos", name, 10, configuration=settings),
        "slicer": lambda name: toxics.create_slicer_toxic("chaos", name, 64, 32, 10, configuration=settings),
        "limit_data": lambda name: toxics.create_limiter_toxic("chaos", name, 5, configuration=settings),
        "reset_peer": lambda name: toxics.create_toxic(
            "chaos", name, "reset_peer", attributes={"timeout": 0}, configuration=settings
        ),
    }
    assert makers.keys() == TOXICS.keys()
    for kind, make in makers.items():
        assert make("toxic"), kind
        check(kind, *say(listen))
        assert toxics.delete_toxic("chaos", "toxic", configuration=settings)
        assert say(listen)[0] == TEXT
    assert not toxics.delete_toxic("chaos", "toxic", configuration=settings)
    proxies.disable_proxy("chaos", configuration=settings)
    assert probes.get_proxy_attribute("chaos", "enabled", configuration=settings) is False
    assert say(listen)[0] is ConnectionRefusedError
    proxies.enable_proxy("chaos", configuration=settings)
    toxics.create_timeout_toxic("chaos", "toxic", 0, configuration=settings)
    proxies.disable_proxy("chaos", configuration=settings)
    assert proxies.reset(configuration=settings)
    assert say(listen)[0] == TEXT
    proxies.modify_proxy("chaos", upstream_address="127.0.0.1:1", configuration=settings)
    assert probes.get_proxy_attribute("chaos", "upstream", configuration=settings) == "127.0.0.1:1"
    raises(AssertionError, lambda: proxies.create_proxy("chaos", host, int(port), configuration=settings))
    proxies.delete_proxy("chaos", configuration=settings)
    assert not probes.proxy_exist("chaos", configuration=settings)


toxiproxy_python()
chaostoolkit()
print("done")
