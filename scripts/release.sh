#!/bin/sh
# Makes a release of the version that the tag of the checked-out commit names (docs/releasing.md).
#
#   scripts/release.sh [--offline] [--minisign KEY | --cosign KEY | --unsigned] VERSION
#
#   --offline        without the database of advisories; the release notes then state it
#   --minisign KEY   signs with the secret key in this file (minisign)
#   --cosign KEY     signs with this key, a file or the URL of a key store (cosign)
#   --unsigned       for a trial: nothing is signed, and the tag need not be
#
# Writes target/release-VERSION/: the archive with the program, SBOM, release notes, SHA256SUMS, and signatures. Needs
# cargo-deny, cargo-auditable and cargo-cyclonedx in the versions below, and minisign or cosign.
set -eu
cd "$(dirname "$0")/.."

DENY=0.20.2
AUDITABLE=0.7.7
CYCLONEDX=0.5.9

fail() {
    echo "release: $*" >&2
    exit 1
}

offline='' signer='' key='' version=''
while [ "$#" -gt 0 ]; do
    case $1 in
        --offline) offline=yes ;;
        --minisign | --cosign)
            [ "$#" -ge 2 ] || fail "$1 needs a key"
            signer=${1#--} key=$2
            shift
            ;;
        --unsigned) signer=none ;;
        -*) fail "no such option: $1" ;;
        *) version=$1 ;;
    esac
    shift
done
[ -n "$version" ] || fail "which version?"
[ -n "$signer" ] || fail "--minisign KEY, --cosign KEY or --unsigned?"

# cargo-auditable prints cargo's version as its own, so that cargo is asked what it has installed.
installed=$(cargo install --list)
has_version() { # TOOL VERSION
    printf '%s\n' "$installed" | grep -q "^$1 v$2:" || fail "$1 $2 is wanted: cargo install --locked $1@$2"
}

echo "──── what is released ────"
[ -z "$(git status --porcelain)" ] || fail "the working tree has changes"
tag=v$version
[ "$(git rev-parse --verify --quiet "refs/tags/$tag^{commit}" || true)" = "$(git rev-parse HEAD)" ] \
    || fail "the tag $tag is not on the commit that is checked out"
if [ "$signer" != none ]; then
    git verify-tag "$tag" || fail "the tag $tag has no good signature"
fi
stated=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[ "$stated" = "$version" ] || fail "Cargo.toml has version $stated"
out=$PWD/target/release-$version
rm -rf "$out"
mkdir -p "$out"
# From the heading of the version to the next one.
awk -v heading="## $version" '
    index($0, "## ") == 1 { inside = ($0 == heading || index($0, heading " ") == 1); next }
    inside
' CHANGELOG.md >"$out/release-notes.md"
grep -q '[^[:space:]]' "$out/release-notes.md" || fail "CHANGELOG.md has no section \"## $version\""
echo "$tag, $(git rev-parse HEAD)"

echo "──── licences, bans, sources, advisories ────"
has_version cargo-deny "$DENY"
if [ -n "$offline" ]; then
    cargo deny --offline check licenses bans sources
    printf '\nThe advisories were not checked for this build.\n' >>"$out/release-notes.md"
else
    cargo deny check
fi

echo "──── the program ────"
has_version cargo-auditable "$AUDITABLE"
# Nothing of this machine and of the moment goes into the program: the same commit gives the same bytes (docs/releasing.md).
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sysroot=$(rustc --print sysroot)
remap="$PWD=/masthead $cargo_home=/cargo $sysroot=/rust"
RUSTFLAGS=''
CFLAGS=''
for each in $remap; do
    RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$each"
    CFLAGS="$CFLAGS -ffile-prefix-map=$each"
done
export RUSTFLAGS CFLAGS CARGO_INCREMENTAL=0 LC_ALL=C TZ=UTC
cargo auditable build --locked --profile dist --package masthead --bin masthead
target=$(rustc --version --verbose | sed -n 's/^host: //p')
name=masthead-$version-$target
mkdir -p "$out/$name"
cp "${CARGO_TARGET_DIR:-target}/dist/masthead" LICENSE-MIT LICENSE-APACHE CHANGELOG.md "$out/$name/"
cp -R deploy docs "$out/$name/"
tar --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    -C "$out" -cf "$out/$name.tar" "$name"
gzip --no-name --best "$out/$name.tar"
rm -r "${out:?}/$name"

echo "──── the bill of materials ────"
has_version cargo-cyclonedx "$CYCLONEDX"
cargo cyclonedx --format json --spec-version 1.5 --describe binaries --manifest-path crates/masthead/Cargo.toml
# It writes beside the manifest of every package; that of the program is wanted.
mv crates/masthead/masthead_bin.cdx.json "$out/$name.cdx.json"
git clean --quiet --force -- '*.cdx.json'

echo "──── checksums and signatures ────"
cd "$out"
sha256sum -- *.tar.gz *.cdx.json release-notes.md >SHA256SUMS
case $signer in
    minisign) minisign -S -s "$key" -m SHA256SUMS -t "masthead $version" ;;
    cosign) cosign sign-blob --yes --key "$key" --bundle SHA256SUMS.bundle SHA256SUMS ;;
    none) echo "unsigned: a trial, not to be published" >UNSIGNED ;;
esac
ls -l
