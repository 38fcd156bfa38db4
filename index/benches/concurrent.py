#!/usr/bin/env python3
"""Runs two, and three, that change a data directory at once, and counts what got lost: concurrent.py PROVENANCE [PAIRS TRIPLES]

Each round begins with an empty data directory. A pair is `index LIST` with `index in.mbox`, or with `fetch MSGID` from a server on
loopback, in turn; a triple is all three. Afterwards every archive has to be known under a number of its own, and every mail be
found; who ends with another code than 0 is counted too."""

import gzip
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

US = os.path.abspath(sys.argv[1])
PAIRS, TRIPLES = (int(n) for n in (sys.argv[2:4] or (200, 50)))


def mail(ident):
    return (f"From: Ada Example <ada@example.org>\nTo: list@lists.example\nDate: Wed, 1 Mar 2023 10:00:00 +0100\n"
            f"Subject: number {ident}\nMessage-ID: <{ident}>\n\nbody of {ident}\n")


def mbox(*idents):
    return "".join(f"From mboxrd@z Thu Jan  1 00:00:00 1970\n{mail(ident)}\n" for ident in idents).encode()


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = gzip.compress(mbox("thread@made"))
        self.send_response(200)
        self.send_header("Content-Type", "application/gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def inbox(place, mails):
    subprocess.run(["git", "init", "-q", "--bare", "-b", "master", place], check=True)
    pipe = subprocess.Popen(["git", "-C", place, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    for number in range(mails):
        raw = mail(f"{number}@list").encode()
        pipe.stdin.write(b"commit refs/heads/master\ncommitter a <a@example.org> %d +0000\ndata 1\nm\n" % (1500000000 + number))
        pipe.stdin.write(b"M 100644 inline m\ndata %d\n%s\n" % (len(raw), raw))
    pipe.stdin.close()
    assert pipe.wait() == 0


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/made"
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        inbox(str(top / "list/git/0.git"), 50)
        (top / "in.mbox").write_bytes(mbox("one@mbox"))
        does = {
            "list": (["index", str(top / "list")], "0@list"),
            "mbox": (["index", str(top / "in.mbox")], "one@mbox"),
            "fetch": (["fetch", "--server", url, "thread@made"], "thread@made"),
        }
        for what, rounds in (("pairs", PAIRS), ("triples", TRIPLES)):
            lost = twice = codes = 0
            for number in range(rounds):
                names = list(does) if what == "triples" else ["list", ("mbox", "fetch")[number % 2]]
                data = top / "data"
                ours = [US, "--data-dir", str(data)]
                children = [subprocess.Popen(ours + does[name][0], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                            for name in names]
                codes += sum(child.wait() != 0 for child in children)
                status = json.loads(subprocess.run([*ours, "status", "-f", "json"], capture_output=True).stdout)
                numbers = [repository["number"] for repository in status["repositories"]]
                twice += len(numbers) != len(set(numbers))
                archives = 1 + any(name != "list" for name in names)
                found = [subprocess.run([*ours, "query", "--count", f"mid:{does[name][1]}"], capture_output=True).stdout
                         for name in names]
                lost += len(numbers) != archives or any(count != b"1\n" for count in found)
                subprocess.run(["rm", "-rf", str(data)], check=True)
            print(f"{what}: {rounds} runs, {lost} lost something, {twice} gave a number twice, {codes} ended with an error")


main()
