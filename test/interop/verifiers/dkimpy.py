# DKIM by dkimpy (Debian: python3-dkim). "verify FILE RECORDS" prints a line for each signature: its selector and "pass" or why
# not; RECORDS is a JSON file of TXT records by name, which stands in for DNS. "sign FILE KEY DOMAIN SELECTOR CANON NAMES" prints
# the signature field of somebody else's.
import json
import sys

import dkim


def verify(message, records):
    answers = json.load(open(records))

    def lookup(name, timeout=5):
        return answers.get(name.decode().rstrip("."), "").encode() or None

    count = sum(1 for name, _ in dkim.rfc822_parse(message)[0] if name.lower() == b"dkim-signature")
    for index in range(count):
        verifier = dkim.DKIM(message, minkey=1024)
        try:
            good = verifier.verify(idx=index, dnsfunc=lookup)
            word = "pass" if good else "fail"
        except dkim.DKIMException as error:
            word = f"{type(error).__name__}: {error}"
        print((verifier.selector or b"?").decode(), word)


def sign(message, key, domain, selector, canon, names):
    form = canon.encode()
    field = dkim.sign(
        message,
        selector.encode(),
        domain.encode(),
        open(key, "rb").read(),
        canonicalize=(form, form),
        include_headers=[name.encode() for name in names.split(":")],
    )
    sys.stdout.buffer.write(field)


mode, file, *rest = sys.argv[1:]
{"verify": verify, "sign": sign}[mode](open(file, "rb").read(), *rest)
