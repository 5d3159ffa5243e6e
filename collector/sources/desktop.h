/* desktop.h - the pieces that menu entries are read in. Within collector/sources/ only. */
#ifndef COLLECTOR_SOURCES_DESKTOP_H
#define COLLECTOR_SOURCES_DESKTOP_H

#include "collector/sources/draft.h"

/* What one entry says; texts lie in the arena, empty where it says nothing. */
struct desktop_entry {
    struct bytes name;
    struct bytes name_zh;   /* Name[zh_CN], where it differs from the name */
    struct bytes version;   /* of the program, where one of the makers' own keys tells it */
    struct bytes binary;    /* of Exec: a path, or a name alone */
    bool has_file_argument; /* Exec gives it a path: the program may be an interpreter */
    bool is_application;
    bool is_hidden; /* as good as deleted */
};

/* desktop_entry_read - the group [Desktop Entry] of a file in the form of the Desktop Entry
 * Specification 1.5. A line that is not of that form is passed over.
 * Errors: -EBADMSG there is no such group, or its name is no text; -ENOMEM. */
int desktop_entry_read(struct bytes text, struct arena *arena, struct desktop_entry *ret_entry);

#endif
