# SPDX-License-Identifier: Apache-2.0
# For scripts that run tests in an emulated host, to be sourced by bash: what its file system in
# memory (initramfs) holds, and how a test that cannot run says so.
#
# Programs, their libraries and guests keep the paths that they have here, because tests know them
# by absolute path. tests/emulated/init is the first process inside; its opening says what it reads.

readonly kSkipped=77  # SKIP_RETURN_CODE of CTest

# Skip REASON: ends this script as a skipped test, in the words of GoogleTest, which ./test counts.
Skip() {
  echo "$0: Skipped"
  echo "$*"
  exit "$kSkipped"
}

# NeedTool NAME PACKAGE: skips unless the program is there.
NeedTool() {
  [ -n "$(type -P "$1")" ] || Skip "no $1 (install $2, as tools/setup does)"
}

# AddFile ROOT FILE...: copies files, or what links point to, to the same places below ROOT.
AddFile() {
  local root=$1 file
  shift
  for file in "$@"; do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
}

# AddProgram ROOT PROGRAM...: the same, with the libraries that dynamic programs load.
AddProgram() {
  local root=$1 program library
  shift
  for program in "$@"; do
    AddFile "$root" "$program"
    # A static program has none; ldd ends with status 1 then, or says so.
    for library in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*' || true); do
      [ -e "$root$library" ] || AddFile "$root" "$library"
    done
  done
}

# StartImage ROOT MODULES_FOLDER MODULE...: the tree that every emulated host has. The modules are
# loaded in the order given. Add programs and `suite` to it, then PackImage.
StartImage() {
  local root=$1 folder=$2 module
  shift 2
  mkdir -p "$root"/{busybox,dev,modules,proc,run,sys,tmp}
  cp "$(dirname "${BASH_SOURCE[0]}")/init" "$root/init"
  chmod +x "$root/init"
  cp -L "$(type -P busybox)" "$root/busybox/busybox"
  for module in "$@"; do
    cp "$folder/$module.ko" "$root/modules/"
    echo "$module" >>"$root/modules/order"
  done
}

# PackImage ROOT FILE: the tree as the archive that the kernel unpacks.
PackImage() {
  (cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --null -o -H newc -R 0:0 --quiet) >"$2"
}
