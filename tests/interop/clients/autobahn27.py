# Drives the Autobahn TestSuite; runs in CPython 2.7, for which it was written.
#
#   autobahn27.py FOLDER cases all            prints the numbers of all cases but compression, as JSON
#   autobahn27.py FOLDER cases without-echo   those whose right answer names no message, and that are no test of limits
#   autobahn27.py FOLDER run SPECIFICATION    runs the suite's client
#
# FOLDER is where pip installed the suite. It has namespace packages, so its .pth files must be read.

import json
import site
import sys

sys.path.insert(0, sys.argv[1])
site.addsitedir(sys.argv[1])

from autobahn.websocket.protocol import WebSocketProtocol
from autobahntestsuite import case, wstest
from autobahntestsuite.caseset import CaseSet

COMPRESSION, LIMITS = ("12", "13"), ("9",)


class Deaf(object):
    """A connection on which a case does what it does and nothing happens."""

    def __getattr__(self, name):
        return getattr(WebSocketProtocol, name) if name.isupper() else lambda *arguments, **named: None


def is_answered_by_echo(kind):
    begun = kind(Deaf())
    begun.onOpen()
    return any(event[0] == "message" for event in begun.expected["OK"])


def cases(which):
    named = CaseSet(case.CaseSetname, case.CaseBasename, case.Cases, case.CaseCategories, case.CaseSubCategories)
    chosen = []
    for kind in case.Cases:
        number = named.caseClasstoId(kind)
        group = number.split(".")[0]
        if group in COMPRESSION or which == "without-echo" and (group in LIMITS or is_answered_by_echo(kind)):
            continue
        chosen.append(number)
    return chosen


if sys.argv[2] == "cases":
    print(json.dumps(cases(sys.argv[3])))
else:
    sys.argv = ["wstest", "--mode", "fuzzingclient", "--spec", sys.argv[3]]
    wstest.run()
