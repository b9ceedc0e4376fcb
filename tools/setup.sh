# Sourced by tools/demo and tools/test: makes sure the Debian packages are there, configures and builds.
# Not a program of its own.

# What the build needs, as Debian 12 names it. tools/peers/ has needs of its own and says so.
packages="gcc g++ libc6-dev meson ninja-build pkg-config python3 libdnnl-dev libbenchmark-dev libcjson-dev libhwloc-dev liburing-dev libturbojpeg0-dev libpng-dev zlib1g-dev"
# What tests need beyond that: Google Benchmark's compare.py and what it imports; the plots of reports; fetching.
test_packages="libbenchmark-tools python3-scipy gnuplot-nox curl"

say() {
    printf '== %s\n' "$*"
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

missing_packages() {
    for package in $packages; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

install_packages() {
    command -v dpkg-query >/dev/null || die "this set-up knows Debian packages only; install by hand: $packages"
    missing=$(missing_packages)
    [ -z "$missing" ] && return
    line="apt-get install -y --no-install-recommends $missing"
    if [ "$(id -u)" = 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root="sudo"
    else
        die "packages are missing and this user cannot install them; run: sudo $line"
    fi
    say "installing $missing"
    $as_root apt-get update -qq >/dev/null || die "apt-get update failed"
    DEBIAN_FRONTEND=noninteractive $as_root $line >/dev/null || die "failed: $line"
}

# build FOLDER [MESON OPTION ...]: configures once, then builds what changed. Prints the seconds it took.
build() {
    folder=$1
    shift
    started=$(date +%s)
    if [ -f "$folder/build.ninja" ]; then
        meson configure "$folder" "$@" >/dev/null || die "meson configure failed in $folder"
    else
        meson setup "$folder" "$@" >"$folder.log" 2>&1 || { cat "$folder.log" >&2; die "meson setup failed"; }
        mv "$folder.log" "$folder/setup.log"
    fi
    ninja -C "$folder" >"$folder/ninja.log" 2>&1 || { tail -n 60 "$folder/ninja.log" >&2; die "the build failed"; }
    say "built $folder in $(($(date +%s) - started)) s"
}
