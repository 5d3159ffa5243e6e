/* notices.c - the figures and their values; which notice has which is arithmetic on its number. */
#include "notices.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const struct notices_fact notices_facts[] = {
    { "case", { "7", "18446744073709551615" } },
    { "unit", { "330100/bank-3" } },
    { "unit_name", { "杭州市第三分行", "Branch \"3\" <x@y.cn>", "江" } },
    { "product", { "vendor/office", "vendor/数据库" } },
    { "category", { "office", "" } },
    { "class", { "" } }, /* set by number below */
    { "count", { "12", "0", "1" } },
    { "endpoints", { "12", "0" } },
    { "new", { "2", "0" } },
    { "remedy", { "remove", "remove_or_right", "document", "right_or_remove", "register" } },
    { "proposal", { "", "interview", "bulletin", "appraisal" } },
    { "why", { "", "查无此事 \"checked\"", "a complete scan of every line" } },
    { "planned", { "2026-11-23" } },
    { "due", { "2026-12-07", "" } },
    { "days_left", { "3", "0", "-4" } },
    { "days", { "10", "3" } },
    { "rung", { "T+1", "", "T-3" } },
    { "provisional", { "no", "yes" } },
    { "idle_total", { "0", "5" } },
    { "idle_list", { "", "杭州市分行 3; 浙江省分行 2" } },
};
const size_t notices_fact_count = ARRAY_LEN(notices_facts);
_Static_assert(ARRAY_LEN(notices_facts) <= NOTICES_FACTS_MAX, "the tests keep one flag for each");

static const char *const languages[] = { "zh_CN", "en" };
static const char *const templates[] = { "administrator", "closed",   "correction",
                                         "lines",         "order",    "overdue",
                                         "question",      "reminder", "verify" };

enum {
    CLASSES = 7,
    ROUNDS = 8, /* of other values of the other figures */
    TEMPLATES = ARRAY_LEN(templates),
    LANGUAGES = ARRAY_LEN(languages),
};

size_t notices_count(void)
{
    return (size_t)ROUNDS * CLASSES * LANGUAGES * TEMPLATES;
}

static void *need(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static const char *value_of(const struct notices_fact *fact, size_t which)
{
    size_t count = 0;
    while (count < ARRAY_LEN(fact->values) && fact->values[count] != NULL)
        count++;
    return fact->values[which % count];
}

void notices_set(Zb__NoticeRecord *notice, const char *name, const char *value)
{
    for (size_t i = 0; i < notice->n_facts; i++) {
        if (strcmp(notice->facts[i]->name, name) == 0) {
            notice->facts[i]->value = (char *)(uintptr_t)value;
            return;
        }
    }
    abort();
}

Zb__NoticeRecord *notices_make(struct arena *arena, size_t i)
{
    size_t template = i % TEMPLATES, language = i / TEMPLATES % LANGUAGES;
    size_t class = i / TEMPLATES / LANGUAGES % CLASSES, round = i / TEMPLATES / LANGUAGES / CLASSES;
    Zb__NoticeRecord *notice = need(arena_alloc(arena, sizeof(*notice)));
    zb__notice_record__init(notice);
    notice->id = i + 1;
    notice->case_id = 7;
    notice->message_id = need(arena_printf(arena, "<zb-00c0ffee-%zu@zhengban.invalid>", i + 1));
    notice->template_ = (char *)(uintptr_t)templates[template];
    notice->language = (char *)(uintptr_t)languages[language];
    notice->official = (Zb__OfficialRole)(1 + i % OFFICIAL_ADMINISTRATOR);
    notice->facts = need(arena_calloc(arena, notices_fact_count, sizeof(Zb__Argument *)));
    for (size_t f = 0; f < notices_fact_count; f++) {
        Zb__Argument *fact = need(arena_alloc(arena, sizeof(*fact)));
        zb__argument__init(fact);
        fact->name = (char *)(uintptr_t)notices_facts[f].name;
        /* f + 1 apart, so that figures of as many values do not change together. */
        fact->value = (char *)(uintptr_t)value_of(&notices_facts[f], round * (f % 3 + 1) + f);
        notice->facts[notice->n_facts++] = fact;
    }
    static const char *const classes[CLASSES] = { "A", "B", "C", "D", "E", "F", "G" };
    notices_set(notice, "class", classes[class]);
    return notice;
}

Zb__PersonValue *notices_person(struct arena *arena, size_t i)
{
    static const char *const names[] = { "李雷", "Han Meimei", "欧阳娜娜" };
    Zb__PersonValue *person = need(arena_alloc(arena, sizeof(*person)));
    zb__person_value__init(person);
    person->name = (char *)(uintptr_t)names[i % ARRAY_LEN(names)];
    person->mail = need(arena_printf(arena, "official.%zu@unit.test", i));
    return person;
}

struct render_context notices_context(struct arena *arena)
{
    return (struct render_context){
        .template_dir = need(arena_printf(arena, "%s/data/templates", getenv("ZB_SOURCE_DIR"))),
        .ledger_name = "浙江省软件正版化工作联席会议办公室",
        .from = "zhengban@ledger.test",
        .now_ms = INT64_C(1795651200000) + 45296789, /* 2026-11-26 12:34:56.789 UTC+8 */
    };
}
