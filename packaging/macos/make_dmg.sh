#!/bin/sh
# UNTESTED: nobody has run this recipe yet.
#
#     packaging/macos/make_dmg.sh APP VERSION FILE.dmg ["Developer ID Application: NAME"]
#
# APP is the Candlecast.app that packaging/make.py leaves in build/packaging/dist. Without an identity it is signed for this machine alone: others
# have to allow it in the system's settings. With one, notarise the image afterwards: xcrun notarytool submit FILE.dmg --wait; xcrun stapler staple FILE.dmg
set -eu
app=$1
version=$2
target=$3
identity=${4:--}
codesign --force --deep --options runtime --sign "$identity" "$app"
codesign --verify --deep --strict "$app"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$app" "$work/"
ln -s /Applications "$work/Applications"
hdiutil create -volname "Candlecast $version" -srcfolder "$work" -format ULMO -ov "$target"
