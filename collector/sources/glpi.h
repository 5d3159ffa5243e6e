/* glpi.h - from the sections of a GLPI, FusionInventory or OCS inventory to rows and facts, the same
 * for JSON and XML. Within collector/sources/ only.
 *
 * The readers find sections ("softwares"), their elements and entries ("name"); this file knows
 * what they mean. Names differ by agent and age (INSTALLDATE, install_date; ARCH, ARCHITECTURE) and
 * are compared without case; an entry within an entry is called "timezone.offset". Sections may come
 * in any order. */
#ifndef COLLECTOR_SOURCES_GLPI_H
#define COLLECTOR_SOURCES_GLPI_H

#include "collector/sources/draft.h"

enum glpi_section {
    GLPI_NONE, /* one that says nothing of interest */
    GLPI_SOFTWARES,
    GLPI_ANTIVIRUS,
    GLPI_LICENSEINFOS,
    GLPI_NETWORKS,
    GLPI_OPERATINGSYSTEM,
    GLPI_HARDWARE,
    GLPI_BIOS,
    GLPI_ACCESSLOG,
    GLPI_SECTIONS,
};

/* What is kept of an element. */
enum glpi_entry {
    GLPI_NAME,
    GLPI_FULL_NAME,
    GLPI_VENDOR,
    GLPI_VERSION,
    GLPI_ARCH,
    GLPI_FROM,
    GLPI_GUID,
    GLPI_DATE, /* installed on; logged on */
    GLPI_FOLDER,
    GLPI_USER,
    GLPI_EDITION,
    GLPI_CHANNEL,
    GLPI_LICENCE,
    GLPI_KERNEL,
    GLPI_ZONE, /* offset of the computer's clock from UTC, "+0800" */
    GLPI_KEY,  /* a product key; all but its last five characters are dropped */
    GLPI_TRIAL,
    GLPI_UUID,
    GLPI_SERIAL,
    GLPI_ASSET,
    GLPI_MODEL,
    GLPI_CHASSIS,
    GLPI_MACHINE, /* "Physical", or what makes it virtual */
    GLPI_MAC,
    GLPI_VIRTUAL,
    GLPI_ENTRIES,
    GLPI_UNKNOWN = GLPI_ENTRIES,
};

/* One element of a section; its texts live as long as the arena or the document. */
struct glpi_element {
    enum glpi_section section;
    struct bytes value[GLPI_ENTRIES];
};

struct glpi {
    struct draft draft;
    struct complaint *why;        /* borrowed */
    struct glpi_element os;       /* of "operatingsystem" */
    struct glpi_element hardware; /* older agents name the system here */
    struct bytes logged;          /* when the inventory was made, without a zone */
    size_t number[GLPI_SECTIONS]; /* elements seen so far */
};

/* What the document says of itself. */
struct glpi_envelope {
    struct bytes device;
    bool partial;
};

struct glpi glpi_on(struct arena *arena, const struct source_sink *sink, struct complaint *why);
void glpi_done(struct glpi *glpi);

/* glpi_section_of - by the name that the document uses. glpi_section_is_list - whether a section has
 * many elements. glpi_entry_of - an entry of a section; GLPI_UNKNOWN is of no interest. */
enum glpi_section glpi_section_of(struct bytes name);
bool glpi_section_is_list(enum glpi_section section);
enum glpi_entry glpi_entry_of(enum glpi_section section, struct bytes name);

/* glpi_refuse - the next element of the section cannot be read: told, counted and left out. */
void glpi_refuse(struct glpi *glpi, enum glpi_section section, const char *field, const char *what,
                 const char *remedy);

/* glpi_take - one whole element. Errors: -ENOMEM; -EBADMSG too many items. */
int glpi_take(struct glpi *glpi, const struct glpi_element *element);

/* glpi_hand_over - the inventory to the sink. Errors: -EBADMSG no device, or one that no inventory
 * can be filed under; the sink's; -ENOMEM. */
int glpi_hand_over(struct glpi *glpi, const struct glpi_envelope *envelope);

#endif
