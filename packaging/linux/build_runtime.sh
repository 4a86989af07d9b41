#!/bin/sh
# Build the start program of AppImages from source, where a built one cannot be fetched.
#
#     build_runtime.sh TYPE2_RUNTIME SQUASHFUSE FILE
#
# The first two are checkouts of github.com/AppImage/type2-runtime and github.com/vasi/squashfuse. Needs gcc, make, autoconf, automake,
# libtool, pkg-config, and the static libraries of libfuse3-dev, libzstd-dev and zlib1g-dev. Tried with caf24f9 and df85c4d on Debian 12.
set -eu
runtime=$(readlink -f "$1")
squashfuse=$(readlink -f "$2")
target=$(readlink -f "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$squashfuse" "$work/squashfuse"
cd "$work/squashfuse"
./autogen.sh > /dev/null
./configure --quiet --disable-demo --enable-static --disable-shared --without-xz --without-lzo --without-lz4
make --silent
libraries="$work/squashfuse/.libs"
cd "$runtime/src/runtime"
gcc -std=gnu99 -Os -w -D_FILE_OFFSET_BITS=64 "-DGIT_COMMIT=\"built from source\"" -T data_sections.ld \
    -ffunction-sections -fdata-sections -Wl,--gc-sections -static-pie -fPIE \
    -I"$work" -I"$work/squashfuse" -I/usr/include/fuse3 runtime.c \
    "$libraries/libsquashfuse.a" "$libraries/libsquashfuse_ll.a" -lfuse3 -lzstd -lz -lpthread -ldl \
    "$libraries/libfuseprivate.a" -o "$target"
strip --strip-unneeded "$target"
# The mark by which desktops know the format.
printf 'AI\002' | dd of="$target" bs=1 count=3 seek=8 conv=notrunc status=none
"$target" --appimage-version
