# From .proto files: one #define per enum value, so that code says EVENT_FULL and not
# ZB__EVENT_KIND__EVENT_FULL. Value names are unique over all files (protoc sees to that).
BEGIN {
    print "/* Made from the .proto files by cmake/enum_names.awk. */"
    print "#ifndef PROTO_NAMES_H\n#define PROTO_NAMES_H\n"
    print "#include \"proto/record.pb-c.h\"\n#include \"proto/wire.pb-c.h\"\n"
}
/^enum / {
    name = $2
    gsub(/[A-Z]/, "_&", name)
    sub(/^_/, "", name)
    inside = toupper(name)
    next
}
/^}/ { inside = "" }
inside != "" && $2 == "=" { printf "#define %s ZB__%s__%s\n", $1, inside, $1 }
END { print "\n#endif" }
