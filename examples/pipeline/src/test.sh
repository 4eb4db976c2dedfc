# Runs `words` on a text and compares; `$1` is the shell that runs it.
set -eu

printf 'The cat saw the dog. The dog slept.\n' > /tmp/text
found=$("$1" /usr/bin/words -n 2 /tmp/text)
wanted='3 the
2 dog'
if [ "$found" != "$wanted" ]; then
	printf 'wanted:\n%s\nfound:\n%s\n' "$wanted" "$found" >&2
	exit 1
fi
"$1" /usr/bin/words --version
