# Sends one message with Python's smtplib. What to do comes as JSON on standard input: the token is no argument.

import json
import smtplib
import ssl
import sys

given = json.load(sys.stdin)
context = ssl.create_default_context(cafile=given["ca"])

if given["tls"] == "implicit":
    server = smtplib.SMTP_SSL("localhost", given["port"], context=context, timeout=20)
else:
    server = smtplib.SMTP("localhost", given["port"], timeout=20)
server.set_debuglevel(1)
server.ehlo()
if given["tls"] == "starttls":
    server.starttls(context=context)
    server.ehlo()


def oauthbearer(challenge=None):
    # The second call answers the failure challenge (RFC 7628 section 3.2.3).
    if challenge is not None:
        return "\x01"
    return f"n,a={given['user']},\x01auth=Bearer {given['token']}\x01\x01"


def xoauth2(challenge=None):
    return "" if challenge else f"user={given['user']}\x01auth=Bearer {given['token']}\x01\x01"


mechanisms = {"OAUTHBEARER": oauthbearer, "XOAUTH2": xoauth2}
server.auth(given["mechanism"], mechanisms[given["mechanism"]], initial_response_ok=True)
with open(given["file"], "rb") as file:
    refused = server.sendmail(
        given["mailFrom"], given["recipients"], file.read(), mail_options=["BODY=8BITMIME"]
    )
server.quit()
if refused:
    print("refused:", refused)
    sys.exit(1)
