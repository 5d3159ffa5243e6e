/* draft.h - one computer's inventory while a source fills it: checks of texts, items and facts that
 * every source shares. Within collector/sources/ only.
 *
 * Each text is trimmed of spaces and line ends at both ends and otherwise kept as reported. */
#ifndef COLLECTOR_SOURCES_DRAFT_H
#define COLLECTOR_SOURCES_DRAFT_H

#include "base/buf.h"
#include "collector/source.h"

enum { DRAFT_MACS = 32, DRAFT_IDENTIFIERS = BOUND_IDENTIFIERS, DRAFT_PLACE_BYTES = 64 };

/* ---- texts ---- */

struct bytes text_trim(struct bytes text);

/* text_is_word - whether the text, trimmed, is the ASCII word, in any case. */
bool text_is_word(struct bytes text, const char *word);

/* text_fault - what keeps a text out of rows and facts, and what to do about it; NULL: nothing. */
const char *text_fault(struct bytes text, const char **ret_remedy);

/* text_is_placeholder - whether a serial or asset number is a maker's filler: "To be filled by
 * O.E.M.", "0000000000", "Default string" ... Such would make many computers look like one. */
bool text_is_placeholder(struct bytes text);

/* date_parse - the day of 2026-09-07, 2026/9/7, 2026.9.7, 2026年9月7日, 20260907, and, where
 * `day_first`, 07/09/2026; what follows a space or a T is not looked at. false: no such day. */
bool date_parse(struct bytes text, bool day_first, int32_t *ret_day);

/* instant_parse - what civil_parse_instant takes, or a day as above with an optional h:mm[:ss], at
 * UTC+8. false: neither. */
bool instant_parse(struct bytes text, int64_t *ret_ms);

/* kind_of - FACTS_KIND of a chassis as tools and people call it ("Notebook", "台式机"); NULL: none
 * of them. */
const char *kind_of(struct bytes chassis);

/* ---- one computer ---- */

struct draft {
    struct arena *arena; /* borrowed */
    const struct source_sink *sink;
    struct row *rows;              /* owned */
    const Zb__Evidence **evidence; /* owned, parallel */
    size_t count, room;
    size_t lost; /* items that were left out */
    struct facts facts;
    struct bytes macs[DRAFT_MACS];
    struct buf scratch; /* owned: a row's bytes, to see that it has some */
};

#define DRAFT_INIT(arena_, sink_) \
    ((struct draft){ .arena = (arena_), .sink = (sink_), .scratch = BUF_INIT(BOUND_FACTS_BYTES) })

void draft_done(struct draft *draft);

/* draft_reset - for the next computer; keeps the memory, not what lies in the arena. */
void draft_reset(struct draft *draft);

/* sink_tell - tells the sink of a problem; a sink need not listen. */
void sink_tell(const struct source_sink *sink, bool rejected, const struct complaint *why);

/* draft_fact - sets a fact that is not set yet; an empty text says nothing. A text that cannot stand
 * is told, as a detail, and ignored. `record` and `field` name the place. */
void draft_fact(struct draft *draft, enum facts_tag tag, const char *record, const char *field,
                struct bytes text);

/* draft_mac - adds a hardware address in any usual notation; zeros, broadcast and what is none are
 * passed over. -ENOMEM. */
int draft_mac(struct draft *draft, struct bytes text);

/* One item on its way into the draft. */
struct draft_item {
    char record[DRAFT_PLACE_BYTES]; /* "softwares 3", "line 7": where complaints point to */
    struct row row;
    struct bytes identifiers[DRAFT_IDENTIFIERS];
    struct bytes path, installed_on, scope; /* evidence */
    bool refused;                           /* told already */
};

void item_begin(struct draft_item *item, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* item_text - sets a field of the row, unless the text is empty.
 * item_identifier - adds "kind:value". -ENOMEM; so does item_installed.
 * item_installed - evidence: the day it was installed; what is no day is told as a detail. */
void item_text(struct draft *draft, struct draft_item *item, enum row_tag tag, const char *field,
               struct bytes text);
int item_identifier(struct draft *draft, struct draft_item *item, const char *kind,
                    const char *field, struct bytes value);
int item_installed(struct draft *draft, struct draft_item *item, const char *field,
                   struct bytes text, bool day_first);

/* item_path, item_scope - evidence: where it lies, for whom it is installed. */
void item_path(struct draft *draft, struct draft_item *item, const char *field, struct bytes text);
int item_user(struct draft *draft, struct draft_item *item, const char *field, struct bytes user);

/* item_refuse - tells what is wrong with the item, once; draft_take will leave it out. */
void item_refuse(struct draft *draft, struct draft_item *item, const char *field,
                 const char *remedy, const char *what);

/* draft_take - adds the item, or counts it as lost where it was refused or makes no row.
 * Errors: -ENOMEM; -EBADMSG more than SOURCE_ITEMS. */
int draft_take(struct draft *draft, struct draft_item *item, struct complaint *why);

/* draft_hand_over - the inventory to the sink, which decides the result. `inventory` names device,
 * unit, place, scan time and source; complete is cleared where items were lost. */
int draft_hand_over(struct draft *draft, struct inventory *inventory);

#endif
