# Counts words, and prints the most frequent ones first.
{
	line = tolower($0)
	gsub(/[^a-z]+/, " ", line)
	n = split(line, found, " ")
	for (i = 1; i <= n; i++) count[found[i]]++
}

END {
	for (word in count) printf "%d %s\n", count[word], word
}
