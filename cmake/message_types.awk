# From .proto files: the list of each file's messages, for code that goes over all of them:
# #define ZB_WIRE_TYPES(X) X(hello) X(welcome) ...
BEGIN {
    print "/* Made from the .proto files by cmake/message_types.awk. */"
    print "#ifndef PROTO_TYPES_H\n#define PROTO_TYPES_H\n\n#include \"proto/names.h\""
}
FNR == 1 {
    file = FILENAME
    sub(/.*\//, "", file)
    sub(/\..*/, "", file)
    printf "\n#define ZB_%s_TYPES(X)", toupper(file)
}
/^message / {
    name = $2
    gsub(/[A-Z]/, "_&", name)
    sub(/^_/, "", name)
    printf " X(%s)", tolower(name)
}
END { print "\n\n#endif" }
