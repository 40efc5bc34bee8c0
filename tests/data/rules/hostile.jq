# Expressions that take more than an expression may, each on a line; a click of some 57 values is their input.

# From bug reports on jq and jaq.
reduce .. as $x ("x"; . + .)
[.. as $a|.. as $b|.. as $c|.. as $d|.. as $e|empty]

# Endless generators.
last(range(1e15))
[range(1e15)]
[limit(1e9; repeat(1))]
range(1e15) | select(. < 0)
first(range(1e15) | select(. < 0))
last(repeat(.))
while(true; .)
until(false; .)
[recurse(.)]
last(recurse(if . == 1 then 2 else 1 end; true))
def f: f; f
def f: 1 + f; f
def f(x): f(x | x); f(.)
def f(x): x | f(x); f(.)
def f: f, f; f
def f: def g: f; g | g; f
label $out | foreach range(1e15) as $i (0; .; empty)
foreach range(1e12) as $i (0; . + $i; empty)
reduce range(1e12) as $i (0; . + 1)
all(range(1e15); true)
any(range(1e15); false)
isempty(range(1e15) | empty)
nth(1e15; range(1e16))
skip(1e15; range(1e16))

# Texts that grow.
"x" * 1e9
"x" * 1e300
reduce range(60) as $i ("x"; . + .)
reduce range(60) as $i ("x"; "\(.)\(.)")
reduce range(60) as $i ("x"; . * 2)
reduce range(60) as $i ("x"; [., .] | join(""))
reduce range(60) as $i ("x"; @base64)
reduce range(60) as $i ("\""; @json)
reduce range(60) as $i ("\""; tojson)
reduce range(60) as $i ("x"; gsub(""; "xx"))
reduce range(60) as $i ("x"; gsub("x"; "xx"))
reduce range(60) as $i ("x"; explode | . + . | implode)
[range(100000)] | map("xxxxxxxxxxxxxxxx") | join("")
[range(3000)] | [.[] | tojson * 100] | add
("ab" * 100000 | split("")) | length

# Arrays and objects that grow.
reduce range(60) as $i ([1]; . + .)
reduce range(60) as $i (.; [., .])
reduce range(60) as $i (.; {a: ., b: .})
reduce range(60) as $i (.; {a: .} * {b: .})
reduce range(1e5) as $i (1; [.])
reduce range(1e5) as $i (null; {a: .})
.a[1e9] = 1
null | setpath([1e9]; 1)
[1e9] as $p | null | setpath($p; 1)
null | .a[1e7].b[1e7] = 1
null | setpath([range(1e4) | "a"]; 1)
reduce range(1e5) as $i (null; setpath([range(150) | "a"]; .))
[range(20)] | [.,.,.,.,.,.,.,.] | combinations | empty
[range(10)] | combinations(10)
{a: (range(1e5)), b: (range(1e5)), c: (range(1e5))}
"\(range(1e5))\(range(1e5))"
[range(1e5) + range(1e5)]
[range(2e3)] | [.[] as $x | .[] as $y | $x * $y]
[range(2e4)] | sort_by(-.)
[range(3e3)] | map([.]) | contains(map([-1]))
reduce range(2e4) as $i ({}; . + {"\($i)": $i})
reduce range(2e4) as $i ([]; . + [$i])
[range(2e4)] | to_entries
[range(9e4)] | reverse | sort | unique

# Values whose parts are shared, so that they are larger than they look.
reduce range(16) as $i (.; [., .]) | tojson
[range(3e4)] as $a | [range(50) | $a] | flatten
[range(900)] as $a | [range(99) | $a] | . == ([range(99) | $a] | map(.))
[range(900)] as $a | [range(99) | $a] | unique | [.[] | tojson | fromjson]

# Paths and changes.
[paths] | [.[] as $p | .[] as $q | .[] as $r | .[] as $s | $p + $q + $r + $s]
[path(.. | .. | .. | .. | .. | .. | .. | .. | .. | .. | .. | .. | ..)]
[.. | .. | .. | .. | .. | .. | .. | .. | .. | .. | .. | .. | .. | .. | .. | ..] | length
walk([., ., .] | [., ., .]) | walk([., ., ., .])
null | .a[1e8] |= 1
[[range(9e2)], [range(9e2)]] | combinations | empty
[range(900)] as $a | [range(900) | $a] | [.[] | tojson] | length
reduce range(1e5) as $i (.; .route.tags += ["x"])
reduce range(1e5) as $i (.; del(.route.tags[0]))
with_entries(range(1e6) as $i | .)
[.[] |= (range(1e9) | empty)]
limit(1e9; path(repeat(.a)))

# Patterns and texts.
"a" * 100000 | [match("a*?"; "g")]
"a" * 1000000 | [match("(a*)*b"; "g")], [match("(a*)*b"; "g")], [match("(a*)*b"; "g")], [match("(a*)*b"; "g")], [match("(a*)*b"; "g")], [match("(a*)*b"; "g")], [match("(a*)*b"; "g")]
"a" * 50000 | [scan(".*?b|a")]
"a" * 20000 | [scan("a") | explode]
"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 3000 | indices("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 100)
[range(1e6)] | implode
"[" * 100000 | fromjson?, last(range(1e9))
"[1," * 100000 + "1" + "]" * 100000 | try fromjson catch last(range(1e9))
range(1e6) | strftime("%Y-%m-%dT%H:%M:%SZ") | select(false)
range(1e6) | tostring | tonumber | empty

# Numbers.
reduce range(1e9) as $i (2; . * .)
reduce range(1e6) as $i (1; . * 3 % 1000000007)

# What catches errors.
try last(range(1e15)) catch .
(last(range(1e15)))?
last(range(1e15)) // 1
def f: try (1 | f) catch f; f
def f: (f | f)?; f
def f: f // f; f
[.[] | try error catch last(range(1e15))]
def f: label $x | f, break $x; f
first(def f: f | f; f)

# Calls of many parameters, each of which takes a part of the stack.
def f(a0;a1;a2;a3;a4;a5;a6): f(a0;a1;a2;a3;a4;a5;a6); f(.;.;.;.;.;.;.)
def f($a;$b;$c;$d;$e;$g;$h;$i;$j;$k): f($a;$b;$c;$d;$e;$g;$h;$i;$j;$k); f(1;1;1;1;1;1;1;1;1;1)
def f(a0;a1;a2;a3;a4;a5;a6;a7;a8;a9;b0;b1;b2;b3;b4;b5;b6;b7;b8;b9;c0;c1;c2;c3;c4;c5;c6;c7;c8;c9): [f(a0;a1;a2;a3;a4;a5;a6;a7;a8;a9;b0;b1;b2;b3;b4;b5;b6;b7;b8;b9;c0;c1;c2;c3;c4;c5;c6;c7;c8;c9)]; f(.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.;.)

# Long texts and numbers that are read again and again.
("x" * 400000) as $q | any(range(3000); . as $i | $q | startswith("y"))
("x" * 400000) as $q | any(range(3000); . as $i | $q | utf8bytelength < 0)
("x" * 400000) as $q | . as $c | any(range(3000); . as $i | $c | has($q))
("9" * 400000 | tonumber) as $q | any(range(3000); . as $i | $q < 1)
("9" * 400000 | tonumber) as $q | any(range(3000); . as $i | ($q | floor) > $q)
