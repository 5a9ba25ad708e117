# Writes OUT with the digest of all of SOURCES (a list file, one path a line), their names included.
# Run at build time: cmake -DROOT=... -DSOURCES=... -DOUT=... -P toolchain.cmake
file(STRINGS ${SOURCES} sources)
list(SORT sources)
set(all "")
foreach(source IN LISTS sources)
  file(SHA256 ${source} digest)
  file(RELATIVE_PATH name ${ROOT} ${source})
  string(APPEND all "${name} ${digest}\n")
endforeach()
string(SHA256 id "${all}")
file(WRITE ${OUT} "#define RLX_COMPILER_ID \"${id}\"\n")
