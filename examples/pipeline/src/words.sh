#!/bin/sh
# words [-n COUNT] [FILE…]: the most frequent words of texts.
set -eu

count=10
case "${1-}" in
--version)
	echo "words @VERSION@ (@PROFILE@)"
	exit
	;;
-n)
	count=$2
	shift 2
	;;
esac

@TRACE@
awk -f "${WORDS_AWK:-/usr/share/words/words.awk}" "$@" | sort -k1,1nr -k2,2 | head -n "$count"
