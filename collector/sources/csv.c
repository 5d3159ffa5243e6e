/* csv.c - lists of software as tables: one line for each program of each computer.
 *
 * Columns are found by their header, English or Chinese, in any order; the computer's number and
 * the program's name are needed. Lines of one computer need not stand together. What is said of the
 * computer itself (unit, serial number, system ...) may stand on any or all of its lines, but must
 * not contradict itself. A line with a system and no program only describes the computer. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "collector/sources/csv_cells.h"
#include "collector/sources/draft.h"

enum { CSV_HEADER_MAX = 128 }; /* columns of a document */

enum csv_column {
    CSV_DEVICE,
    CSV_NAME,
    CSV_VERSION,
    CSV_VENDOR,
    CSV_EDITION,
    CSV_ARCH,
    CSV_ORIGIN,
    CSV_LICENCE,
    CSV_CHANNEL,
    CSV_IDENTIFIER,
    CSV_SOURCE,
    CSV_INSTALLED,
    CSV_PATH,
    CSV_UNIT,
    CSV_COMPLETE,
    CSV_SCANNED,
    CSV_HOST,
    CSV_SERIAL,
    CSV_UUID,
    CSV_ASSET,
    CSV_MAC,
    CSV_OS,
    CSV_OS_VERSION,
    CSV_MAKER,
    CSV_MODEL,
    CSV_KIND,
    CSV_USER,
    CSV_DEPARTMENT,
    CSV_COLUMNS,
    CSV_IGNORED = CSV_COLUMNS,
};

/* Names of a column, lower case, without spaces, '_' and '-'; the first is what complaints use. */
static const char *const column_names[CSV_COLUMNS][10] = {
    [CSV_DEVICE] = { "computer", "computerid", "device", "deviceid", "计算机编号", "电脑编号",
                     "设备编号", "计算机" },
    [CSV_NAME] = { "name", "software", "softwarename", "displayname", "软件名称", "软件", "名称",
                   "产品名称" },
    [CSV_VERSION] = { "version", "softwareversion", "版本", "版本号", "软件版本" },
    [CSV_VENDOR] = { "vendor", "publisher", "manufacturer", "厂商", "发布者", "开发商", "厂家",
                     "软件厂商" },
    [CSV_EDITION] = { "edition", "版本类型", "版次" },
    [CSV_ARCH] = { "arch", "architecture", "架构", "位数" },
    [CSV_ORIGIN] = { "origin", "软件来源" },
    [CSV_LICENCE] = { "licence", "license", "许可证" },
    [CSV_CHANNEL] = { "licencemode", "licensemode", "channel", "授权方式" },
    [CSV_IDENTIFIER] = { "identifier", "identifiers", "软件编号", "标识" },
    [CSV_SOURCE] = { "source", "数据来源" },
    [CSV_INSTALLED] = { "installdate", "installedon", "安装日期", "安装时间" },
    [CSV_PATH] = { "path", "folder", "installpath", "安装路径", "安装位置" },
    [CSV_UNIT] = { "unit", "unitid", "单位", "单位编号", "单位代码" },
    [CSV_COMPLETE] = { "complete", "完整", "是否完整" },
    [CSV_SCANNED] = { "scantime", "scannedat", "scandate", "扫描时间", "核对日期", "检查日期" },
    [CSV_HOST] = { "host", "hostname", "计算机名", "主机名" },
    [CSV_SERIAL] = { "serial", "serialnumber", "序列号", "出厂编号" },
    [CSV_UUID] = { "uuid" },
    [CSV_ASSET] = { "asset", "assetnumber", "assettag", "资产编号", "固定资产编号" },
    [CSV_MAC] = { "mac", "macaddress", "mac地址" },
    [CSV_OS] = { "os", "operatingsystem", "操作系统" },
    [CSV_OS_VERSION] = { "osversion", "操作系统版本", "系统版本" },
    [CSV_MAKER] = { "maker", "brand", "品牌" },
    [CSV_MODEL] = { "model", "型号", "品牌型号" },
    [CSV_KIND] = { "devicetype", "kind", "设备类型" },
    [CSV_USER] = { "user", "username", "使用人" },
    [CSV_DEPARTMENT] = { "department", "dept", "使用部门", "部门" },
};

static const struct {
    enum csv_column column;
    enum row_tag tag;
} row_columns[] = {
    { CSV_NAME, ROW_NAME },       { CSV_VERSION, ROW_VERSION }, { CSV_VENDOR, ROW_VENDOR },
    { CSV_EDITION, ROW_EDITION }, { CSV_ARCH, ROW_ARCH },       { CSV_ORIGIN, ROW_ORIGIN },
    { CSV_LICENCE, ROW_LICENCE }, { CSV_CHANNEL, ROW_CHANNEL },
};

static const struct {
    enum csv_column column;
    enum facts_tag tag;
} fact_columns[] = {
    { CSV_HOST, FACTS_HOST },
    { CSV_SERIAL, FACTS_SERIAL },
    { CSV_UUID, FACTS_UUID },
    { CSV_ASSET, FACTS_ASSET },
    { CSV_OS, FACTS_OS_NAME },
    { CSV_OS_VERSION, FACTS_OS_VERSION },
    { CSV_MAKER, FACTS_MAKER },
    { CSV_MODEL, FACTS_MODEL },
    { CSV_KIND, FACTS_KIND },
    { CSV_USER, FACTS_USER },
    { CSV_DEPARTMENT, FACTS_DEPARTMENT },
};

struct csv_line {
    size_t line;
    struct bytes cell[CSV_COLUMNS];
    bool refused; /* told already; its computer is incomplete for it */
};

struct csv_reader {
    struct csv_cells cells;
    struct arena *arena;
    const struct source_sink *sink;
    struct complaint *why;
    uint8_t column_of[CSV_HEADER_MAX]; /* enum csv_column of each column of the document */
    size_t column_count;
    struct csv_line *lines; /* owned */
    size_t count, room;
    bool has_orphans; /* lines whose computer cannot be told: nobody is complete */
    struct draft draft;
};

/* One computer while its lines are read. */
struct csv_computer {
    struct csv_line *const *lines;
    size_t count;
    const char *unit; /* in the arena, NULL: none given */
    bool complete;
    int64_t scan_ms;
    char place[DRAFT_PLACE_BYTES];
};

static const char *column_name(enum csv_column column)
{
    return column_names[column][0];
}

static void tell(const struct csv_reader *in, bool rejected, size_t line, const char *column,
                 const char *remedy, const char *what)
{
    struct complaint why = { 0 };
    complaint_at(&why, "line %zu%s%s", line, column[0] != '\0' ? ", column " : "", column);
    (void)complain(&why, 0, remedy, "%s", what);
    sink_tell(in->sink, rejected, &why);
}

/* ---- header ---- */

/* A header's name as column_names has them, into out[64]; longer ones match nothing. */
static struct bytes header_fold(struct bytes text, uint8_t *out)
{
    size_t n = 0;
    text = text_trim(text);
    for (size_t i = 0; i < text.size && n < 64; i++) {
        uint8_t c = text.data[i];
        if (c == ' ' || c == '_' || c == '-')
            continue;
        out[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
    }
    return bytes_of(out, n);
}

static enum csv_column column_of(struct bytes header)
{
    uint8_t folded[64];
    struct bytes name = header_fold(header, folded);
    for (unsigned c = 0; c < CSV_COLUMNS; c++)
        for (size_t i = 0; i < ARRAY_LEN(column_names[c]) && column_names[c][i] != NULL; i++)
            if (bytes_eq(name, bytes_str(column_names[c][i])))
                return (enum csv_column)c;
    return CSV_IGNORED;
}

/* The headers as they were found, for the complaint about one that was not. */
static void headers_show(const struct bytes *headers, size_t count, char *out, size_t out_bytes)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && at < out_bytes; i++) {
        int n = snprintf(out + at, out_bytes - at, "%s%.*s", i == 0 ? "" : ", ",
                         (int)text_cut(headers[i], 40), (const char *)headers[i].data);
        at += n < 0 ? out_bytes : (size_t)n;
    }
}

static int column_missing(const struct csv_reader *in, enum csv_column column,
                          const struct bytes *headers, size_t count)
{
    char found[200], remedy[96];
    headers_show(headers, count, found, sizeof(found));
    complaint_at(in->why, "line 1");
    (void)snprintf(remedy, sizeof(remedy), "name the column '%s' or '%s' in the first line",
                   column_names[column][0], column_names[column][4]);
    return complain(in->why, -EBADMSG, remedy, "no column '%s'; found: %s", column_name(column),
                    found);
}

static int column_twice(const struct csv_reader *in, enum csv_column column, size_t first,
                        size_t second)
{
    complaint_at(in->why, "line 1");
    return complain(in->why, -EBADMSG, "leave one of them out",
                    "columns %zu and %zu both give the %s", first + 1, second + 1,
                    column_name(column));
}

/* The known column that a header's writer may have meant; NULL: none is near. */
static const char *column_near(struct bytes header)
{
    uint8_t folded[64];
    struct text_nearest nearest = TEXT_NEAREST_INIT(header_fold(header, folded));
    for (unsigned c = 0; c < CSV_COLUMNS; c++)
        for (size_t i = 0; i < ARRAY_LEN(column_names[c]) && column_names[c][i] != NULL; i++)
            text_nearest_offer(&nearest, column_names[c][i]);
    return nearest.best;
}

static void column_ignored(const struct csv_reader *in, size_t i, struct bytes header)
{
    struct complaint why = { 0 };
    char remedy[128];
    const char *near = column_near(header);
    if (text_trim(header).size == 0)
        return;
    if (near != NULL)
        (void)snprintf(remedy, sizeof(remedy), "call it '%s' if that is meant", near);
    else
        (void)snprintf(remedy, sizeof(remedy), "rename it if it says something of the software");
    complaint_at(&why, "line 1, column %zu", i + 1);
    (void)complain(&why, 0, remedy, "'%.*s' is no known column and is ignored",
                   (int)text_cut(header, 80), (const char *)header.data);
    sink_tell(in->sink, false, &why);
}

static int header_read(struct csv_reader *in)
{
    struct bytes headers[CSV_HEADER_MAX];
    size_t count = 0, line, place[CSV_COLUMNS];
    bool seen[CSV_COLUMNS] = { false };
    int r = csv_next(&in->cells, headers, CSV_HEADER_MAX, &count, &line, in->why);
    if (r < 0)
        return r;
    complaint_at(in->why, "line 1");
    if (r == 0)
        return complain(in->why, -EBADMSG, "give a header line and a line for each program",
                        "the document is empty");
    if (count > CSV_HEADER_MAX)
        return complain(in->why, -EBADMSG, "leave columns out", "%zu columns, at most %d are taken",
                        count, CSV_HEADER_MAX);
    for (size_t i = 0; i < count; i++) {
        enum csv_column column = column_of(headers[i]);
        in->column_of[i] = (uint8_t)column;
        if (column == CSV_IGNORED)
            continue;
        if (seen[column])
            return column_twice(in, column, place[column], i);
        seen[column] = true;
        place[column] = i;
    }
    in->column_count = count;
    if (!seen[CSV_DEVICE])
        return column_missing(in, CSV_DEVICE, headers, count);
    if (!seen[CSV_NAME])
        return column_missing(in, CSV_NAME, headers, count);
    for (size_t i = 0; i < count; i++)
        if (in->column_of[i] == CSV_IGNORED)
            column_ignored(in, i, headers[i]);
    return 0;
}

/* ---- lines ---- */

static struct csv_line *line_new(struct csv_reader *in)
{
    if (in->count == in->room) {
        size_t room = in->room == 0 ? 256 : in->room * 2;
        struct csv_line *lines = realloc(in->lines, room * sizeof(*lines));
        if (lines == NULL)
            return NULL;
        in->lines = lines;
        in->room = room;
    }
    struct csv_line *line = &in->lines[in->count++];
    *line = (struct csv_line){ .refused = false };
    return line;
}

static int line_take(struct csv_reader *in, const struct bytes *cells, size_t count, size_t number)
{
    bool is_blank = true;
    for (size_t i = 0; i < count && i < CSV_HEADER_MAX; i++)
        is_blank = is_blank && text_trim(cells[i]).size == 0;
    if (is_blank)
        return 0;
    if (in->count == SOURCE_ITEMS) {
        complaint_at(in->why, "line %zu", number);
        return complain(in->why, -EBADMSG, "give it in several files",
                        "more than %d lines in one file", SOURCE_ITEMS);
    }
    struct csv_line *line = line_new(in);
    if (line == NULL)
        return -ENOMEM;
    line->line = number;
    for (size_t i = 0; i < count && i < in->column_count; i++)
        if (in->column_of[i] != CSV_IGNORED)
            line->cell[in->column_of[i]] = text_trim(cells[i]);
    line->refused = count > in->column_count;
    return 0;
}

static int lines_read(struct csv_reader *in)
{
    struct bytes cells[CSV_HEADER_MAX];
    for (;;) {
        size_t count, number;
        int r = csv_next(&in->cells, cells, CSV_HEADER_MAX, &count, &number, in->why);
        if (r > 0)
            r = line_take(in, cells, count, number);
        else
            return r;
        if (r < 0)
            return r;
    }
}

/* Tells of lines that cannot be used at all, and drops those that belong to no computer. */
static void lines_check(struct csv_reader *in)
{
    size_t kept = 0;
    for (size_t i = 0; i < in->count; i++) {
        struct csv_line *line = &in->lines[i];
        struct bytes device = line->cell[CSV_DEVICE];
        const char *remedy = "give the number that tells this computer from others";
        const char *fault = device.size == 0 ? "empty" : text_fault(device, &remedy);
        if (line->refused)
            tell(in, true, line->line, "", "put cells that hold a separator in quotes",
                 "it has more cells than the header");
        else if (fault != NULL)
            tell(in, true, line->line, column_name(CSV_DEVICE), remedy, fault);
        if (fault != NULL)
            in->has_orphans = true;
        else
            in->lines[kept++] = *line;
    }
    in->count = kept;
}

/* ---- one computer ---- */

static bool unit_is_id(struct bytes unit)
{
    if (unit.size > BOUND_UNIT_BYTES)
        return false;
    for (size_t i = 0; i < unit.size; i++) {
        uint8_t c = unit.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-' || c == '/'))
            return false;
    }
    return true;
}

/* Which unit the computer's lines name. A computer whose unit is in doubt is left out: filed under
 * another, its software would count against the wrong people. */
static int unit_settle(struct csv_reader *in, struct csv_computer *computer, bool *ret_doubtful)
{
    struct bytes unit = { 0 };
    const char *what = NULL;
    for (size_t i = 0; i < computer->count && what == NULL; i++) {
        struct bytes given = computer->lines[i]->cell[CSV_UNIT];
        if (given.size == 0)
            continue;
        if (!unit_is_id(given))
            what = "its computer's unit is no unit id";
        else if (unit.size > 0 && !bytes_eq(unit, given))
            what = "its computer is said to belong to two units";
        unit = given;
    }
    *ret_doubtful = what != NULL;
    for (size_t i = 0; what != NULL && i < computer->count; i++)
        tell(in, true, computer->lines[i]->line, column_name(CSV_UNIT),
             "give one unit id, of letters, digits and . _ - /, for all lines of a computer", what);
    if (what != NULL || unit.size == 0)
        return 0;
    computer->unit = arena_strdup(in->arena, unit);
    return computer->unit == NULL ? -ENOMEM : 0;
}

static void facts_take(struct csv_reader *in, const struct csv_computer *computer,
                       const struct csv_line *line)
{
    for (size_t i = 0; i < ARRAY_LEN(fact_columns); i++) {
        enum csv_column column = fact_columns[i].column;
        struct bytes text = line->cell[column];
        struct bytes *known = &in->draft.facts.fields.value[fact_columns[i].tag];
        if (column == CSV_KIND && text.size > 0) {
            const char *kind = kind_of(text);
            if (kind == NULL)
                tell(in, false, line->line, column_name(column),
                     "write desktop, laptop, server or virtual", "no known kind of computer");
            text = bytes_str(kind);
        }
        if (text.size == 0 || (column == CSV_SERIAL && text_is_placeholder(text)))
            continue;
        char record[DRAFT_PLACE_BYTES];
        (void)snprintf(record, sizeof(record), "line %zu", line->line); /* fits */
        if (known->size > 0 && !bytes_eq(*known, text))
            tell(in, false, line->line, column_name(column),
                 "say the same on each line of a computer",
                 "contradicts an earlier line of the same computer, which holds");
        else
            draft_fact(&in->draft, fact_columns[i].tag, record, column_name(column), text);
    }
    (void)computer;
}

static const char *yes_words[] = { "yes", "y", "true", "1", "是" };
static const char *no_words[] = { "no", "n", "false", "0", "否" };

static bool is_one_of(struct bytes text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_is_word(text, words[i]))
            return true;
    return false;
}

/* Whether all is there, and when it was looked at: the earliest of the lines' times. */
static void state_take(struct csv_reader *in, struct csv_computer *computer,
                       const struct csv_line *line)
{
    struct bytes complete = line->cell[CSV_COMPLETE], scanned = line->cell[CSV_SCANNED];
    int64_t scan_ms;
    bool is_yes = is_one_of(complete, yes_words, ARRAY_LEN(yes_words));
    if (complete.size > 0 && !is_yes) {
        computer->complete = false;
        if (!is_one_of(complete, no_words, ARRAY_LEN(no_words)))
            tell(in, false, line->line, column_name(CSV_COMPLETE), "write yes or no",
                 "neither yes nor no; counts as no");
    }
    if (scanned.size == 0)
        return;
    if (!instant_parse(scanned, &scan_ms))
        tell(in, false, line->line, column_name(CSV_SCANNED), "write it as 2026-09-07 09:00",
             "no time that can be told; the line is taken without it");
    else if (computer->scan_ms == 0 || scan_ms < computer->scan_ms)
        computer->scan_ms = scan_ms;
}

/* One "kind:value"; kinds are those that rows know. */
static int identifier_take(struct csv_reader *in, struct draft_item *item, struct bytes text)
{
    static const char *const kinds[] = {
        ROW_ID_PRODUCT_CODE, ROW_ID_UPGRADE_CODE, ROW_ID_WINGET,    ROW_ID_BUNDLE,  ROW_ID_TEAM,
        ROW_ID_PURL,         ROW_ID_CPE,          ROW_ID_SWID,      ROW_ID_PACKAGE, ROW_ID_ARP_KEY,
        ROW_ID_SHA256,       ROW_ID_PARTIAL_KEY,  ROW_ID_INDICATOR,
    };
    const uint8_t *colon = text.size == 0 ? NULL : memchr(text.data, ':', text.size);
    if (colon != NULL) {
        size_t size = (size_t)(colon - text.data);
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
            if (text_is_word(bytes_of(text.data, size), kinds[i]))
                return item_identifier(&in->draft, item, kinds[i], "column identifier",
                                       bytes_of(colon + 1, text.size - size - 1));
    }
    item_refuse(&in->draft, item, "column identifier",
                "write kind:value, as winget:Google.Chrome; several are parted by |",
                "not of a known kind");
    return 0;
}

static int identifiers_take(struct csv_reader *in, struct draft_item *item, struct bytes text)
{
    int r = 0;
    while (text.size > 0 && r == 0) {
        const uint8_t *bar = memchr(text.data, '|', text.size);
        size_t size = bar == NULL ? text.size : (size_t)(bar - text.data);
        r = identifier_take(in, item, text_trim(bytes_of(text.data, size)));
        size += bar != NULL;
        text = bytes_of(text.data + size, text.size - size);
    }
    return r;
}

static void source_take(struct csv_reader *in, struct draft_item *item, struct bytes text)
{
    static const char *const known[] = { ROW_SOURCE_LIST, ROW_SOURCE_DPKG, ROW_SOURCE_RPM,
                                         ROW_SOURCE_ARP,  ROW_SOURCE_APP,  "snap",
                                         "flatpak",       "antivirus" };
    const char *source = text.size == 0 ? ROW_SOURCE_LIST : NULL;
    for (size_t i = 0; source == NULL && i < ARRAY_LEN(known); i++)
        if (text_is_word(text, known[i]))
            source = known[i];
    if (source == NULL)
        item_refuse(&in->draft, item, "column source",
                    "write list, arp, dpkg, rpm, app, snap or flatpak, or leave it empty",
                    "no known place to read software from");
    else
        item->row.fields.value[ROW_SOURCE] = bytes_str(source);
}

static int software_take(struct csv_reader *in, const struct csv_line *line)
{
    struct draft_item item;
    item_begin(&item, "line %zu", line->line);
    if (line->cell[CSV_NAME].size == 0) {
        if (line->cell[CSV_OS].size > 0)
            return 0; /* only describes the computer */
        item_refuse(&in->draft, &item, "column name", "name the program", "empty");
    }
    for (size_t i = 0; i < ARRAY_LEN(row_columns); i++) {
        char field[DRAFT_PLACE_BYTES];
        (void)snprintf(field, sizeof(field), "column %s", column_name(row_columns[i].column));
        item_text(&in->draft, &item, row_columns[i].tag, field, line->cell[row_columns[i].column]);
    }
    source_take(in, &item, line->cell[CSV_SOURCE]);
    item_path(&in->draft, &item, "column path", line->cell[CSV_PATH]);
    int r = identifiers_take(in, &item, line->cell[CSV_IDENTIFIER]);
    if (r == 0)
        r = item_installed(&in->draft, &item, "column installdate", line->cell[CSV_INSTALLED],
                           false);
    return r < 0 ? r : draft_take(&in->draft, &item, in->why);
}

static int os_take(struct csv_reader *in, const struct csv_computer *computer)
{
    struct draft_item item;
    item_begin(&item, "%s", computer->place);
    const struct bytes *facts = in->draft.facts.fields.value;
    if (facts[FACTS_OS_NAME].size == 0)
        return 0;
    item.row.fields.value[ROW_SOURCE] = BYTES_LIT(ROW_SOURCE_OS);
    item_text(&in->draft, &item, ROW_NAME, "column os", facts[FACTS_OS_NAME]);
    item_text(&in->draft, &item, ROW_VERSION, "column osversion", facts[FACTS_OS_VERSION]);
    return draft_take(&in->draft, &item, in->why);
}

static int computer_fill(struct csv_reader *in, struct csv_computer *computer)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < computer->count; i++) {
        const struct csv_line *line = computer->lines[i];
        if (line->refused) {
            in->draft.lost++;
            continue;
        }
        facts_take(in, computer, line);
        state_take(in, computer, line);
        r = draft_mac(&in->draft, line->cell[CSV_MAC]);
        if (r == 0)
            r = software_take(in, line);
    }
    return r < 0 ? r : os_take(in, computer);
}

static int computer_read(struct csv_reader *in, struct csv_line *const *lines, size_t count)
{
    struct csv_computer computer = { .lines = lines, .count = count, .complete = true };
    bool is_doubtful;
    (void)snprintf(computer.place, sizeof(computer.place), "line %zu", lines[0]->line);
    draft_reset(&in->draft);
    int r = unit_settle(in, &computer, &is_doubtful);
    if (r < 0 || is_doubtful)
        return r;
    r = computer_fill(in, &computer);
    if (r < 0)
        return r;
    struct inventory inventory = {
        .device = lines[0]->cell[CSV_DEVICE],
        .unit = computer.unit,
        .place = computer.place,
        .scan_ms = computer.scan_ms,
        .source = "csv",
        .complete = computer.complete && !in->has_orphans,
    };
    draft_fact(&in->draft, FACTS_DEVICE, computer.place, column_name(CSV_DEVICE), inventory.device);
    return draft_hand_over(&in->draft, &inventory);
}

/* ---- all of them ---- */

/* By computer, then by line. */
static int line_cmp(const void *a, const void *b)
{
    const struct csv_line *x = *(struct csv_line *const *)a, *y = *(struct csv_line *const *)b;
    int r = bytes_cmp(x->cell[CSV_DEVICE], y->cell[CSV_DEVICE]);
    return r != 0 ? r : (x->line > y->line) - (x->line < y->line);
}

static int computers_read(struct csv_reader *in)
{
    struct csv_line **sorted = arena_calloc(in->arena, in->count, sizeof(struct csv_line *));
    if (sorted == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < in->count; i++)
        sorted[i] = &in->lines[i];
    qsort(sorted, in->count, sizeof(struct csv_line *), line_cmp);
    int r = 0;
    for (size_t at = 0, end; r == 0 && at < in->count; at = end) {
        end = at + 1;
        while (end < in->count &&
               bytes_eq(sorted[end]->cell[CSV_DEVICE], sorted[at]->cell[CSV_DEVICE]))
            end++;
        struct arena_mark mark = arena_mark(in->arena);
        r = computer_read(in, &sorted[at], end - at);
        arena_rewind(in->arena, mark);
    }
    return r;
}

static int csv_read(struct bytes document, const char *file_name, struct arena *arena,
                    const struct source_sink *sink, struct complaint *why)
{
    (void)file_name;
    int r = csv_encoding(&document, why);
    if (r < 0)
        return r;
    struct csv_reader in = { .cells = csv_cells_on(document, arena),
                             .arena = arena,
                             .sink = sink,
                             .why = why,
                             .draft = DRAFT_INIT(arena, sink) };
    r = header_read(&in);
    if (r == 0)
        r = lines_read(&in);
    if (r == 0) {
        lines_check(&in);
        r = computers_read(&in);
    }
    draft_done(&in.draft);
    free(in.lines);
    return r;
}

/* A table by its file's name, or by a first line that has one of our columns. */
static bool csv_probe(struct bytes head, const char *file_name)
{
    size_t size = strlen(file_name);
    if (size > 4 && text_is_word(bytes_str(file_name + size - 4), ".csv"))
        return true;
    struct bytes document = head, cells[CSV_HEADER_MAX];
    struct complaint why;
    CLEANUP(arena_freep) struct arena *arena = arena_new(2 * SOURCE_HEAD_BYTES);
    if (arena == NULL || csv_encoding(&document, &why) < 0)
        return false;
    struct csv_cells in = csv_cells_on(document, arena);
    size_t count = 0, line;
    if (csv_next(&in, cells, CSV_HEADER_MAX, &count, &line, &why) <= 0)
        return false;
    for (size_t i = 0; i < count && i < CSV_HEADER_MAX; i++)
        if (column_of(cells[i]) != CSV_IGNORED)
            return true;
    return false;
}

const struct source_format source_csv = {
    .name = "csv",
    .title = "table of software (CSV)",
    .probe = csv_probe,
    .read = csv_read,
};
