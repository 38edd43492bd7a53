"""The line of a key, also behind multi-line values, quotes and arrays of tables."""

import pytest

from optimizer.scenario.locate import key_lines, line_of

TEXT = '''\
name = "a" # [not.a.header]
notes = """
[data]
fake = 1
"""
list = [
  1, # ] not the end
  "]",
]

[data]
"x.y" = 1
stock = { path = "a", sheet = "b" }
literal = \'\'\'
[inside]\'\'\'

[service.min_level]
"tier.A" = 0.5
channel.web = 0.6

[[change]]
table = "s"
[change.where]
id = "1"

[[change]]
table = "t"
set = { a = 1,
  b = 2 }
drop = false
'''


@pytest.mark.parametrize(("path", "line"), [
    (("name",), 1), (("notes",), 2), (("list",), 6), (("data",), 11), (("data", "x.y"), 12), (("data", "stock"), 13),
    (("data", "stock", "sheet"), 13), (("data", "literal"), 14), (("service", "min_level"), 17),
    (("service", "min_level", "tier.A"), 18), (("service", "min_level", "channel", "web"), 19), (("change", 0), 21),
    (("change", 0, "table"), 22), (("change", 0, "where", "id"), 24), (("change", 1), 26), (("change", 1, "table"), 27),
    (("change", 1, "set", "b"), 28), (("change", 1, "drop"), 30), (("data", "fake"), 11), (("inside",), None),
    (("nothing",), None),
])  # fmt: skip
def test_lines(path, line):
    assert line_of(key_lines(TEXT), path) == line
