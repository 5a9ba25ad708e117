"""T17 and the shares of several machines: a real nginx with WebDAV, and servers that misbehave."""

import hashlib
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time

from sweeps import BIND, COMPILE
from world import MODEL, Failed

NGINX = """
{user}daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {root}/access.log;
  client_body_temp_path {root}/body; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;
  uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    root {root}/files;
    location / {{ dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    def __init__(self, world):
        self.root = world.work / "nginx"
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root / "files").mkdir(parents=True)
        self.port = free_port()
        config = self.root / "nginx.conf"
        # Started by root, its workers would be another user, who may not enter.
        user = "user root; " if os.geteuid() == 0 else ""
        config.write_text(NGINX.format(root=self.root, port=self.port, user=user))
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
        if not nginx:
            raise Failed("nginx is not installed")
        self.process = subprocess.Popen([nginx, "-c", str(config)], stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise Failed("nginx does not start: " + (self.root / "error.log").read_text())

    def close(self):
        self.process.terminate()
        self.process.wait()


def sign_and_trust(world):
    key = world.config / "rlx" / "signing.key"
    if key.exists():
        return
    nowhere = world.work / "nowhere"
    world.must(["rlx-cache", "keygen"], nowhere)
    world.must(["rlx-cache", "trust", str(key) + ".pub"], nowhere)


def pushed_and_pulled(world):
    """What one machine made another fetches, and compiles nothing; forged files are refused."""
    sign_and_trust(world)
    server = Nginx(world)
    try:
        remote = {"RLX_REMOTE": server.url}
        maker = world.copy_of(world.state("bound", COMPILE, BIND), "maker")
        world.must(["rlx-cache", "push"], maker, **remote)
        user = world.fresh("user")
        world.check_outputs(user, RLX_ON_MISS="error", **remote)
        if "pulled" not in world.events(user):
            raise Failed("nothing was pulled")
        # Every file of the server, one after the other, with a bit flipped.
        for path in sorted((server.root / "files").rglob("*")):
            if not path.is_file():
                continue
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0x10
            whole = path.read_bytes()
            path.write_bytes(data)
            cache = world.fresh("forged")
            world.check_outputs(cache, **remote)
            world.check_whole(cache)
            path.write_bytes(whole)
        # Without the key nothing of it is taken.
        stranger = world.fresh("stranger")
        done = world.check_outputs(stranger, XDG_CONFIG_HOME=world.work / "empty", **remote)
        if "signed by no trusted key" not in done.stderr:
            raise Failed("an untrusted entry was taken: " + done.stderr)
    finally:
        server.close()


def four_shares(world):
    """Four machines make their shares of a manifest at once; a fifth finds everything made."""
    sign_and_trust(world)
    server = Nginx(world)
    try:
        manifest = world.work / "manifest.toml"
        manifest.write_text(f'[[model]]\npath = "{MODEL}"\n'
                            "dims = [{batch = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}]\n")
        remote = {"RLX_REMOTE": server.url}
        warm = ["warm", str(manifest), "--push", "-j1", "--shards", "4"]
        started = [subprocess.Popen([str(world.bin / "rlx-cache"), *warm, "--shard", str(i)],
                                    env=world.environment(world.fresh(f"shard{i}"), **remote),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                   for i in range(4)]
        built = 0
        for process in started:
            out, err = process.communicate(timeout=120)
            if process.returncode != 0:
                raise Failed(f"exit {process.returncode}: {err}")
            built += out.count("built")
        if built != 12:
            raise Failed(f"{built} entries were made instead of 12")
        fifth = world.fresh("fifth")
        out = world.must(["rlx-cache", "warm", manifest, "-j1"], fifth, **remote).stdout
        if out.count("hit") != 12:
            raise Failed("something was made again:\n" + out)
    finally:
        server.close()


def fields(data):
    """The fields of a protobuf message: (number, bytes or number)."""
    at, found = 0, []

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            found.append((number, varint()))
        elif kind == 2:
            size = varint()
            if at + size > len(data):
                raise ValueError("cut off")
            found.append((number, data[at:at + size]))
            at += size
        else:
            raise ValueError(f"wire type {kind}")
    return found


class Strict(http.server.BaseHTTPRequestHandler):
    """What bazel-remote checks: a CAS file has the digest that its name says, an ActionResult parses, and all
    that it names is there, with its size, both when it comes and when it is asked for."""
    protocol_version = "HTTP/1.1"
    files = None
    refused = None

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def problem(self, path, body):
        kind, _, name = path.strip("/").partition("/")
        if kind not in ("cas", "ac") or len(name) != 64 or set(name) - set("0123456789abcdef"):
            return "no such place"
        if kind == "cas":
            return "" if hashlib.sha256(body).hexdigest() == name else "another digest"
        for number, value in fields(body):
            if number != 2:
                continue
            file = dict(fields(value))
            digest = dict(fields(file[2]))
            stored = self.files.get("/cas/" + digest[1].decode())
            if stored is None or len(stored) != digest.get(2, 0):
                return f"{file[1].decode()} is not there"
        return ""

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            problem = self.problem(self.path, body)
        except (ValueError, IndexError, KeyError) as e:
            problem = f"no ActionResult: {e}"
        if problem:
            self.refused.append(f"{self.path}: {problem}")
            return self.answer(400)
        self.files[self.path] = body
        return self.answer(200)

    def do_GET(self):
        body = self.files.get(self.path)
        if body is None or (self.path.startswith("/ac/") and self.problem(self.path, body)):
            return self.answer(404)
        return self.answer(200, body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def strict_server(world):
    """A server that checks all that bazel-remote checks takes what is pushed, and gives it back; when it has lost
    a blob, it says that it has nothing, and the entry is made here."""
    sign_and_trust(world)
    handler = type("Handler", (Strict,), {"files": {}, "refused": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    remote = {"RLX_REMOTE": f"http://127.0.0.1:{server.server_address[1]}"}
    try:
        maker = world.copy_of(world.state("bound", COMPILE, BIND), "maker")
        world.must(["rlx-cache", "push"], maker, **remote)
        if handler.refused or not any(p.startswith("/ac/") for p in handler.files):
            raise Failed(f"refused: {handler.refused}")
        user = world.fresh("user")
        world.check_outputs(user, RLX_ON_MISS="error", **remote)
        for path in [p for p in handler.files if p.startswith("/cas/")]:
            lost = handler.files.pop(path)
            cache = world.fresh("lost")
            done = world.check_outputs(cache, **remote)
            if "warning" in done.stderr:
                raise Failed("a lost blob is more than a miss: " + done.stderr)
            world.check_whole(cache)
            handler.files[path] = lost
        # Built here, pushed by itself.
        fresh = world.fresh("fresh")
        before = len(handler.files)
        world.must(["rlxc", MODEL, "--dim", "batch=5"], fresh, RLX_REMOTE_MODE="rw", **remote)
        if len(handler.files) <= before or handler.refused:
            raise Failed(f"not pushed: {handler.refused}")
    finally:
        server.shutdown()


class Bad(http.server.BaseHTTPRequestHandler):
    """Answers as `how` says; none of it is an entry."""
    how = "500"
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        how = type(self).how
        if how == "reset":
            self.connection.close()
        elif how == "500":
            self.send_error(500)
        elif how == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif how == "short":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.connection.close()
        elif how == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(4000):
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass
        elif how == "garbage":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(bytes(range(100)))
        elif how == "empty":
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_HEAD = do_PUT = do_GET

    def log_message(self, *_):
        pass


def bad_server(world, how):
    """A miss, in time, and after three failures nobody asks again."""
    handler = type("Handler", (Bad,), {"how": how})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        cache = world.fresh()
        start = time.monotonic()
        world.check_outputs(cache, RLX_REMOTE=url)
        if time.monotonic() - start > 15:
            raise Failed("it took too long")
        world.check_whole(cache)
    finally:
        server.shutdown()


def dead_server(world):
    cache = world.fresh()
    url = f"http://127.0.0.1:{free_port()}"
    for batch in range(1, 6):
        world.must(["rlxc", MODEL, "--dim", f"batch={batch}"], cache, RLX_REMOTE=url)
    done = world.must(["rlxc", MODEL, "--dim", "batch=77"], cache, RLX_REMOTE=url)
    if "remote cache" in done.stderr:
        raise Failed("a dead server is asked for ever: " + done.stderr)


def remotes(world):
    yield "nginx: push, pull, forged, untrusted", lambda: pushed_and_pulled(world)
    yield "nginx: four shares at once", lambda: four_shares(world)
    yield "a server that checks what bazel-remote checks", lambda: strict_server(world)
    for how in ("reset", "500", "redirect", "short", "endless", "garbage", "empty"):
        yield f"a server that answers with {how}", lambda h=how: bad_server(world, h)
    yield "a dead server", lambda: dead_server(world)
