"""What staff and programs type in as an address leads to the public internet or nowhere, and never keeps us."""

import datetime
import socket
import ssl
import sys
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scheduling.lib import addresses, safe_http
from scheduling.lib.addresses import is_public
from scheduling.lib.safe_http import NotPublic, Unreachable, resolve, send
from tests.receivers import Receiver, answer, drip
from tests.waiting import assert_time_limit

CONNECTED = []  # an audit hook stays until the process ends, so there is one


def note_connections(event, arguments):
    if event == "socket.connect":
        CONNECTED.append(arguments[1])


sys.addaudithook(note_connections)


@contextmanager
def nothing_connects():
    """Within, no socket of this process is connected to anything."""
    before = len(CONNECTED)
    yield
    assert CONNECTED[before:] == []


@pytest.fixture(autouse=True)
def no_internet(monkeypatch):
    """Whatever is not this machine refuses connections; they are noted all the same."""

    class Socket(socket.socket):
        def connect(self, address):
            if address[0] not in ("::1", "127.0.0.1"):
                CONNECTED.append(address)
                raise ConnectionRefusedError
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Socket)


@pytest.fixture(autouse=True)
def any_port(monkeypatch):
    """Receivers listen on ports of their own: what is refused here is not refused for its port."""
    monkeypatch.setattr(addresses, "PUBLIC_PORTS", range(65536))


@pytest.fixture
def names(monkeypatch):
    """The only name server there is: ``names["clinic.example"] = ["192.0.2.1"]``; a list per question asked."""
    known, asked = {}, []

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = known[host]
        if addresses and isinstance(addresses[0], list):
            addresses = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        families = [socket.AF_INET6 if ":" in ip else socket.AF_INET for ip in addresses]
        return [(family, socket.SOCK_STREAM, 6, "", (ip, port)) for family, ip in zip(families, addresses, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    getaddrinfo.known, getaddrinfo.asked = known, asked
    return getaddrinfo


@pytest.fixture
def receiver():
    """A server of our own at 127.0.0.1, and at ::1 where there is one."""
    with Receiver(answer(200)) as receiver:
        yield receiver


# Addresses that are not public

LITERALS = [
    # This machine
    "https://127.0.0.1:{port}/",
    "https://127.8.8.8/",
    "https://127.255.255.254/",
    "https://0.0.0.0:{port}/",
    "https://[::1]:{port}/",
    "https://[::]:{port}/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000::0001]/",
    # The same in spellings that some programs know
    "https://127.1:{port}/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.000.000.001/",
    "https://00127.0.0.1/",
    "https://127.0.0.1.:{port}/",
    "https://0/",
    "https://127.0.0.0x1/",
    "https://1/",
    "https://١٢٧.٠.٠.١/",
    "https://１２７.０.０.１:{port}/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://127.0.0.1%00.example.org/",
    "https://127%2e0%2e0%2e1/",
    "https://%31%32%37.0.0.1/",
    "https://0x7f000001.:{port}/",
    "https://4294967295/",
    "https://127.0.0.1:0{port}/",
    # IPv4 inside IPv6
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a00:1::1]/",
    "https://[2002:808:808::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[2001::1]/",
    "https://[64:ff9b::8.8.8.8]/",
    "https://[::ffff:8.8.8.8]/",
    # Private networks, carriers', links, clouds
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://192.0.0.9/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::1%25lo]/",
    "https://[2606:4700::1111%25lo]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fec0::1]/",
    # Not for machines at all
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://[ff02::1]/",
    "https://[ff0e::1]/",
    "https://192.0.2.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://198.18.0.1/",
    "https://192.88.99.1/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[100::1]/",
    "https://[5f00::1]/",
    "https://[2001:20::1]/",
    "https://[4000::1]/",
]
OTHERWISE = [
    # Other schemes
    "http://8.8.8.8/",
    "http://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "https:127.0.0.1",
    "",
    "https",
    "https://",
    "https:///",
    "https://:{port}/",
    "unix:///run/postgres.sock",
    "httpſ://127.0.0.1/",
    # A user, and who is before and who behind the @
    "https://8.8.8.8@127.0.0.1:{port}/",
    "https://user:password@8.8.8.8/",
    "https://8.8.8.8:443@127.0.0.1/",
    "https://@8.8.8.8/",
    "https://127.0.0.1:{port}#@8.8.8.8/",
    "https://8.8.8.8%40127.0.0.1/",
    # What programs read in different ways
    "https://127.0.0.1:{port}\\@8.8.8.8/",
    "https:\\\\127.0.0.1\\",
    "https://8.8.8.8\\.127.0.0.1/",
    "https://8.8.8.8 .example/",
    " https://8.8.8.8/",
    "https://8.8.8.8/\r\nHost: 127.0.0.1",
    "https://8.8.8.8/ HTTP/1.1",
    "https://8.8.8.8/\t",
    "ht\ntps://8.8.8.8/",
    "https://8.8.8.8/\x00",
    "https://8.8.8.8/é",
    "https://８.8.8.8/",
    "https://[8.8.8.8]/",
    "https://[::1/",
    "https://::1:{port}/",
    "https://[::1]x/",
    "https://[::g]/",
    "https://[]/",
    # Ports
    "https://8.8.8.8:0/",
    "https://8.8.8.8:65536/",
    "https://8.8.8.8:99999/",
    "https://8.8.8.8:-1/",
    "https://8.8.8.8:+443/",
    "https://8.8.8.8:443:80/",
    "https://8.8.8.8:٤٤٣/",
    "https://8.8.8.8: 443/",
    "https://8.8.8.8:https/",
    # Names that are none
    "https://-.example/",
    "https://a..example/",
    "https://.example/",
    "https://" + "a" * 64 + ".example/",
    "https://exa_mple/",
    "https://example.1/",
    "https://1.2.3.4.5/",
    "https://пример.example/",
    "https://clinic。example/",
    "https://clinic.example./",
]
LEADING_HOME = {
    "localhost": ["127.0.0.1", "::1"],
    "ip6-localhost": ["::1"],
    "localtest.me": ["127.0.0.1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "ten.example": ["10.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "tunnel.example": ["2002:7f00:1::"],
    "teredo.example": ["2001:0:7f00:1::"],
    "link.example": ["fe80::1%2"],
    "all.example": ["0.0.0.0"],
    "carrier.example": ["100.64.1.1"],
    "public-and-not.example": ["8.8.8.8", "127.0.0.1"],
    "not-and-public.example": ["::1", "2606:4700::1111"],
    "many.example": ["8.8.8.8"] * 9 + ["127.0.0.1"],
    "xn--e1afmkfd.example": ["192.168.0.1"],
}


def test_list_of_private_addresses_is_long():
    assert len(set(LITERALS)) + len(set(OTHERWISE)) + len(LEADING_HOME) > 150


@pytest.mark.parametrize("address", LITERALS + OTHERWISE)
def test_send_rejects_private_address_before_it_connects(names, receiver, address):
    with nothing_connects(), pytest.raises(NotPublic):
        send("POST", address.format(port=receiver.port), body=b"{}", timeout=10)
    assert names.asked == []
    assert receiver.connections == 0


@pytest.mark.parametrize("name", LEADING_HOME)
@pytest.mark.parametrize("port", ["", ":{port}"])
def test_resolve_rejects_hostname_pointing_to_private_ip(names, receiver, name, port):
    names.known[name] = LEADING_HOME[name]
    with nothing_connects(), pytest.raises(NotPublic):
        send("POST", f"https://{name}{port.format(port=receiver.port)}/", body=b"{}", timeout=10)
    assert names.asked == [name]
    assert receiver.connections == 0


def test_resolve_unknown_hostname_raises_unreachable(names):
    with nothing_connects(), pytest.raises(Unreachable):
        send("GET", "https://nowhere.example/", timeout=10)


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"],
)
def test_public_addresses_are_public(text):
    assert is_public(text)
    host = f"[{text}]" if ":" in text else text
    assert resolve(f"https://{host}:8443/hooks?a=b#c") == ("https", text, f"{host}:8443", 8443, "/hooks?a=b", (text,))


def test_private_networks_known_to_python_are_not_public():
    families = [ip_address(text)._constants for text in ("1.1.1.1", "::2")]
    for network in [network for family in families for network in family._private_networks]:
        assert not is_public(str(network[0])), network
        assert not is_public(str(network[-1])), network


@pytest.mark.parametrize(
    "written, path, netloc",
    [
        ("https://clinic.example", "/", "clinic.example"),
        ("HTTPS://Clinic.Example:443/A", "/A", "clinic.example"),
        ("https://clinic.example?a=1", "/?a=1", "clinic.example"),
        ("https://clinic.example:8443/a/b;c?d=%20&e=[]{}|^`~#f", "/a/b;c?d=%20&e=[]{}|^`~", "clinic.example:8443"),
        ("https://clinic.example#f", "/", "clinic.example"),
    ],
)
def test_send_requests_the_address_as_typed(names, written, path, netloc):
    names.known["clinic.example"] = ["8.8.8.8"]
    target = resolve(written)
    assert (target.path, target.netloc, target.ips) == (path, netloc, ("8.8.8.8",))


# From the check to the connection


def test_send_resolves_name_once_and_connects_to_checked_ip(names, receiver):
    names.known["rebinding.example"] = [["192.0.2.1"], ["127.0.0.1"]]
    with nothing_connects(), pytest.raises(NotPublic):
        send("GET", f"https://rebinding.example:{receiver.port}/", timeout=10)
    names.known["rebinding.example"] = [["8.8.8.8"], ["127.0.0.1"]]
    names.asked.clear()
    before = len(CONNECTED)
    with pytest.raises(Unreachable):
        send("GET", f"https://rebinding.example:{receiver.port}/", timeout=10)
    assert names.asked == ["rebinding.example"]
    assert CONNECTED[before:] == [("8.8.8.8", receiver.port)]
    assert receiver.connections == 0


def test_send_tries_next_ip_when_first_is_closed(names, receiver, settings):
    settings.PRIVATE_HOSTS = [f"clinic.test:{receiver.port}"]
    names.known["clinic.test"] = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]
    assert send("GET", f"http://clinic.test:{receiver.port}/", timeout=5).status == 200
    assert [headers["Host"] for _, _, headers, _ in receiver.requests] == [f"clinic.test:{receiver.port}"]


def test_send_returns_redirect_without_following_it(settings):
    with Receiver(answer(200)) as secret, Receiver(answer(302, Location=secret.url)) as receiver:
        settings.PRIVATE_HOSTS = [receiver.netloc]
        answered = send("GET", receiver.url)
        assert (answered.status, answered.headers["location"]) == (302, secret.url)
        assert secret.connections == 0


def test_send_reaches_only_listed_private_hosts(receiver, settings):
    settings.PRIVATE_HOSTS = [f"127.0.0.1:{receiver.port + 1}", "localhost"]
    with nothing_connects():
        for address in (receiver.url, f"https://127.0.0.1:{receiver.port}/", f"http://localhost:{receiver.port}/"):
            with pytest.raises(NotPublic):
                send("GET", address, timeout=10)


def test_send_sends_given_method_headers_and_body(receiver, settings):
    settings.PRIVATE_HOSTS = [receiver.netloc]
    answered = send("PUT", f"{receiver.url}?a=%20b", body=b"\xff", headers={"X-Name": "value"})
    [(method, path, headers, body)] = receiver.requests
    assert (method, path, body) == ("PUT", "/?a=%20b", b"\xff")
    assert dict(headers) == {
        "Host": receiver.netloc,
        "User-Agent": "Holdfast",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Length": "1",
        "X-Name": "value",
    }
    assert (answered.status, answered.body, answered.is_cut) == (200, b"ok", False)


def test_send_rejects_header_injection(receiver, settings):
    settings.PRIVATE_HOSTS = [receiver.netloc]
    with pytest.raises(Unreachable):
        send("GET", receiver.url, headers={"X-Name": "value\r\nX-Other: value"})
    assert receiver.requests == []


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return a certificate for names, signed by itself, and its key, in one file."""

    def certificate(*names, days=1):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        now = datetime.datetime.now(datetime.UTC)
        written = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .sign(key, hashes.SHA256())
        )
        file = tmp_path_factory.mktemp("tls") / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + written.public_bytes(serialization.Encoding.PEM)
        )
        return str(file)

    return certificate


@pytest.fixture
def trusting(monkeypatch):
    """Let the system trust the certificate in a file, and no other."""

    def trusting(file):
        monkeypatch.setenv("SSL_CERT_FILE", file)
        monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
        safe_http._tls.cache_clear()

    yield trusting
    monkeypatch.undo()
    safe_http._tls.cache_clear()


def ask_over_tls(names, settings, file, name="clinic.test"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with Receiver(answer(200), tls=context) as receiver:
        settings.PRIVATE_HOSTS = [f"{name}:{receiver.port}", f"127.0.0.1:{receiver.port}"]
        names.known[name] = ["127.0.0.1"]
        try:
            return send("GET", f"https://{name}:{receiver.port}/", timeout=5).status
        except Unreachable as error:
            assert receiver.requests == []
            return str(error)


def test_send_accepts_certificate_for_hostname(names, settings, certificate, trusting):
    trusting(file := certificate("clinic.test"))
    assert ask_over_tls(names, settings, file) == 200


@pytest.mark.parametrize("named, days", [("elsewhere.test", 1), ("test", 1), ("127.0.0.1", 1), ("clinic.test", -1)])
def test_send_rejects_certificate_of_other_name_or_time(names, settings, certificate, trusting, named, days):
    trusting(file := certificate(named, days=days))
    assert ask_over_tls(names, settings, file) == "SSLCertVerificationError"


def test_send_rejects_untrusted_certificate(names, settings, certificate):
    assert ask_over_tls(names, settings, certificate("clinic.test")) == "SSLCertVerificationError"
    assert ask_over_tls(names, settings, certificate("127.0.0.1"), name="127.0.0.1") == "SSLCertVerificationError"


def test_send_rejects_https_server_without_tls(settings):
    heard = []

    def answer_plainly(receiver, sock, _):
        heard.append(sock.recv(65_536))  # not by lines: a greeting has none, or some by chance
        receiver.say(sock, b"HTTP/1.1 400 Bad Request\r\n\r\n")
        receiver.ended.wait(60)

    with Receiver(answer_plainly, reads=False) as receiver:
        settings.PRIVATE_HOSTS = [receiver.netloc]
        with pytest.raises(Unreachable, match=r"^SSLError$"):
            send("POST", f"https://{receiver.netloc}/", body=b"secret", timeout=10)
    assert [b"secret" in greeting for greeting in heard] == [False]


# Slow, endless and broken answers

LIMIT = 0.6


def waited(receiver, settings, **options):
    """Return why there was no answer; it was said in time."""
    settings.PRIVATE_HOSTS = [receiver.netloc]
    with assert_time_limit(LIMIT), pytest.raises(Unreachable) as refusal:
        send("POST", options.pop("url", receiver.url), body=b"{}", timeout=LIMIT, **options)
    return str(refusal.value)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
ENDLESS = {
    "nothing": [b""],
    "a byte of the status now and then": [b"HTTP/1.1 200 OK"],
    "headers without an end": [b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"],
    "one header without an end": [b"HTTP/1.1 200 OK\r\nX: ", b"y"],
    "continue, continue": [b"HTTP/1.1 100 Continue\r\n\r\n"],
    "a body byte by byte": [HEAD, b"x"],
    "a body without a length": [b"HTTP/1.1 200 OK\r\n\r\n", b"x"],
    "chunks of one": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"],
    "a trailer without an end": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"],
}


@pytest.mark.parametrize("parts", ENDLESS.values(), ids=ENDLESS)
def test_send_gives_up_dripping_answer_in_time(settings, parts):
    *first, again = parts
    with Receiver(drip(first, again, every=0.02)) as receiver:
        assert waited(receiver, settings) == "no answer in time"


def test_send_gives_up_dripping_tls_handshake_in_time(settings):
    with Receiver(drip([], b"\x16", every=0.02), reads=False) as receiver:
        reason = waited(receiver, settings, url=f"https://{receiver.netloc}/")
        assert reason in ("no answer in time", "SSLError", "SSLEOFError")
    # The start of a record of 16,000 bytes, which then come one by one.
    with Receiver(drip([b"\x16\x03\x03\x3e\x80\x02\x00\x3e\x7c"], b"\0", every=0.02), reads=False) as receiver:
        assert waited(receiver, settings, url=f"https://{receiver.netloc}/") == "no answer in time"


def test_send_gives_up_server_that_does_not_read_in_time(settings):
    with Receiver(drip([], b"", every=0.02), reads=False) as receiver:
        settings.PRIVATE_HOSTS = [receiver.netloc]
        with assert_time_limit(LIMIT), pytest.raises(Unreachable, match="no answer in time"):
            send("POST", receiver.url, body=b"x" * 50_000_000, timeout=LIMIT)


def test_send_gives_up_silent_name_server_in_time(monkeypatch):
    asked = socket.socketpair()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: asked[0].recv(1) and [])
    with assert_time_limit(LIMIT), nothing_connects(), pytest.raises(Unreachable):
        send("GET", "https://clinic.example/", timeout=LIMIT)
    asked[1].send(b"x")


def test_send_returns_slow_answer_within_timeout(settings):
    with Receiver(answer(200, after=1)) as receiver:
        settings.PRIVATE_HOSTS = [receiver.netloc]
        assert send("POST", receiver.url, body=b"{}", timeout=10).status == 200


BREAKING = {
    "closed at once": b"",
    "half a status": b"HTTP/1.1 2",
    "no number": b"HTTP/1.1 OK\r\n\r\n",
    "no HTTP": b"SSH-2.0\r\n",
    "half a header": b"HTTP/1.1 200 OK\r\nX",
    "a body that breaks off": HEAD + b"x" * 99,
    "a chunk that breaks off": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx",
    "a chunk without a number": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nx",
    "a line of a megabyte": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000,
    "a thousand headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
}


@pytest.mark.parametrize("said", BREAKING.values(), ids=BREAKING)
def test_send_malformed_answer_raises_unreachable(settings, said):
    with Receiver(drip([said], None)) as receiver:
        settings.PRIVATE_HOSTS = [receiver.netloc]
        with pytest.raises(Unreachable):
            send("POST", receiver.url, body=b"{}", timeout=5)


LONG = {
    "with its length": b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n",
    "without a length": b"HTTP/1.1 200 OK\r\n\r\n",
    "with a length below nothing": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "in one chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2faf080\r\n",
}


@pytest.mark.parametrize("head", LONG.values(), ids=LONG)
@pytest.mark.parametrize("limit", [0, 10, 64_000])
def test_send_reads_only_the_limit_of_a_long_body(settings, head, limit):
    with Receiver(drip([head], b"x" * 65_536, times=763)) as receiver:  # 50 MB
        settings.PRIVATE_HOSTS = [receiver.netloc]
        answered = send("POST", receiver.url, body=b"{}", timeout=5, limit=limit)
        assert (answered.status, answered.body, answered.is_cut) == (200, b"x" * limit, limit > 0)
    assert receiver.sent < 20_000_000  # what the two systems keep between them, and no more


def test_send_survives_negative_chunk_size(settings):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"
    with Receiver(drip([head], b"x" * 65_536, times=763)) as receiver:
        settings.PRIVATE_HOSTS = [receiver.netloc]
        with pytest.raises(Unreachable):
            send("POST", receiver.url, body=b"{}", timeout=5, limit=10)
    assert receiver.sent < 20_000_000


@pytest.mark.parametrize("limit, is_cut", [(1, True), (2, False), (3, False)])
def test_answer_says_whether_body_is_cut(receiver, settings, limit, is_cut):
    settings.PRIVATE_HOSTS = [receiver.netloc]
    assert send("GET", receiver.url, limit=limit)[2:] == (b"ok"[:limit], is_cut)
