/* test_csv.c - tables of software: columns, grouping, cells that are wrong, encodings. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "tests/unit/collector/source_fixture.h"

Test(csv, reads_a_chinese_table_with_a_quoted_line_end)
{
    CLEANUP(reading_freep)
    struct reading *reading = read_file_as(&source_csv, "tests/samples/collector/trade.csv");
    cr_assert(ne(ptr, reading, NULL));
    cr_assert(eq(int, reading->result, 0), "%s: %s", reading->why.place, reading->why.what);
    cr_assert(eq(str, (char *)reading_text(reading),
                 "ignored line 1, column 12: '备注' is no known column and is ignored\n"
                 "computer HX-SM-001 unit trade source csv complete scan 0\n"
                 "fact device=HX-SM-001\n"
                 "fact os name=Windows 10 专业版\n"
                 "fact user=王芳\n"
                 "fact department=采购部\n"
                 "row source=list; name=WPS Office 专业版; vendor=金山; version=11.8.2.12085; "
                 "channel=OEM; identifier=arp-key:Kingsoft Office; @  | 2024-03-05 | \n"
                 "row source=list; name=7-Zip; vendor=Igor Pavlov; version=23.01; "
                 "identifier=winget:7zip.7zip; identifier=purl:pkg:generic/7-zip;\n"
                 "row source=os; name=Windows 10 专业版;\n"
                 "computer HX-SM-002 unit trade source csv complete scan 0\n"
                 "fact device=HX-SM-002\n"
                 "fact os name=Windows 10 专业版\n"
                 "fact user=赵敏\n"
                 "fact department=财务部\n"
                 "row source=list; name=用友U8+ \"财务\"\n客户端; vendor=用友; version=16.5; @  | "
                 "2023-07-01 | \n"
                 "row source=os; name=Windows 10 专业版;\n"));
}

Test(csv, knows_english_headers_in_any_case_and_order)
{
    CLEANUP(reading_freep)
    struct reading *reading =
        read_as(&source_csv, "\xEF\xBB\xBFVersion;Software Name;Device_ID;Complete;Scan Time;MAC;"
                             "device type;Source\r\n"
                             "1.0;Chrome;pc1;no;2026/9/7 9:30;3C528200F0AA;台式机;arp\r\n");
    cr_assert(eq(int, reading->result, 0), "%s", reading->why.what);
    cr_assert(eq(str, (char *)reading_text(reading),
                 "computer pc1 unit - source csv incomplete scan 1788744600000\n"
                 "fact device=pc1\n"
                 "fact kind=desktop\n"
                 "fact mac=3c:52:82:00:f0:aa\n"
                 "row source=arp; name=Chrome; version=1.0;\n"));
}

Test(csv, takes_a_line_with_a_system_and_no_program_as_a_description)
{
    CLEANUP(reading_freep)
    struct reading *reading = read_as(&source_csv, "computer,name,os\npc1,,统信UOS 20\n");
    cr_assert(eq(str, (char *)reading_text(reading),
                 "computer pc1 unit - source csv complete scan 0\n"
                 "fact device=pc1\nfact os name=统信UOS 20\n"
                 "row source=os; name=统信UOS 20;\n"));
}

Test(csv, names_line_and_column_of_each_bad_cell_and_goes_on)
{
    static const char table[] = "computer,name,version,identifier,installdate,serial,complete\n"
                                "pc1,good,1,,,S1,yes\n"
                                "pc1,,2,,,,\n"
                                "pc1,nul\0,3,,,,\n"
                                "pc1,no\xC3(,3,,,,\n"
                                "pc1,what,3,isbn:1,,,\n"
                                "pc1,many,3,,,,,surplus\n"
                                "pc1,dated,4,,someday,S2,perhaps\n"
                                "pc2,其他,1,,,,\n"
                                ",,,,,,\n"
                                "\n";
    CLEANUP(reading_freep)
    struct reading *reading = read_bytes_as(&source_csv, bytes_of(table, sizeof(table) - 1));
    cr_assert(eq(int, reading->result, 0), "%s", reading->why.what);
    cr_assert(eq(str, (char *)reading_text(reading),
                 "rejected line 7: it has more cells than the header\n"
                 "rejected line 3, column name: empty\n"
                 "rejected line 4, column name: not UTF-8, or with a NUL inside\n"
                 "rejected line 5, column name: not UTF-8, or with a NUL inside\n"
                 "rejected line 6, column identifier: not of a known kind\n"
                 "ignored line 8, column serial: contradicts an earlier line of the same "
                 "computer, which holds\n"
                 "ignored line 8, column complete: neither yes nor no; counts as no\n"
                 "ignored line 8, column installdate: no date that can be told; the item is taken "
                 "without it\n"
                 "computer pc1 unit - source csv incomplete scan 0\n"
                 "fact device=pc1\nfact serial=S1\n"
                 "row source=list; name=good; version=1;\n"
                 "row source=list; name=dated; version=4;\n"
                 "computer pc2 unit - source csv complete scan 0\n"
                 "fact device=pc2\n"
                 "row source=list; name=其他; version=1;\n"));
}

Test(csv, takes_nobody_for_complete_when_a_line_belongs_to_nobody)
{
    CLEANUP(reading_freep)
    struct reading *reading = read_as(&source_csv, "computer,name\npc1,a\n,lost\n");
    cr_assert(eq(str, (char *)reading_text(reading),
                 "rejected line 3, column computer: empty\n"
                 "computer pc1 unit - source csv incomplete scan 0\n"
                 "fact device=pc1\nrow source=list; name=a;\n"));
}

Test(csv, leaves_out_a_computer_whose_unit_is_in_doubt)
{
    CLEANUP(reading_freep)
    struct reading *reading = read_as(&source_csv, "computer,unit,name\npc1,a,x\npc1,b,y\n"
                                                   "pc2,设计院,z\npc3,,w\npc3,c/d,v\n");
    cr_assert(eq(int, reading->result, 0));
    cr_assert(eq(sz, reading->rejected, 3), "%s", reading_text(reading));
    cr_assert(eq(sz, reading->computers, 1));
    cr_assert(reading_has(reading, "computer pc3 unit c/d source csv complete scan 0"));
}

static const struct {
    const char *document;
    const char *place, *what;
} bad[] = {
    { "", "line 1", "empty" },
    { "computer,version\npc1,1\n", "line 1", "no column 'name'; found: computer, version" },
    { "软件名称,备注\nx,y\n", "line 1", "no column 'computer'; found: 软件名称, 备注" },
    { "computer,name,计算机编号\n", "line 1", "columns 1 and 3 both give the computer" },
    { "computer,name\npc1,\"open\n\n", "line 2", "does not end" },
    { "computer,name\npc1,\"a\"b\n", "line 2", "behind the end" },
    { "\xFF\xFE"
      "c",
      "the document", "UTF-16" },
    { "computer,name\npc1,\xC8\xED\xBC\xFE\n", "the document", "GB18030" },
    { "computer,name\npc1,\xFF\n", "the document", "no UTF-8" },
};

Test(csv, refuses_a_malformed_table_whole_saying_where)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(reading_freep) struct reading *reading = read_as(&source_csv, bad[i].document);
        cr_assert(eq(int, reading->result, -EBADMSG), "%s", bad[i].document);
        cr_assert(eq(sz, reading->computers, 0));
        cr_assert(eq(str, reading->why.place, (char *)bad[i].place));
        cr_assert(strstr(reading->why.what, bad[i].what) != NULL, "%s", reading->why.what);
        cr_assert(reading->why.remedy[0] != '\0');
    }
}

Test(csv, refuses_more_lines_than_a_file_may_have)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(8 << 20);
    buf_put_str(&text, "computer,name\n");
    for (int i = 0; i <= SOURCE_ITEMS; i++)
        buf_put_str(&text, "pc1,a\n");
    CLEANUP(reading_freep) struct reading *reading = read_bytes_as(&source_csv, buf_bytes(&text));
    cr_assert(eq(int, reading->result, -EBADMSG));
    cr_assert(eq(sz, reading->computers, 0));
    cr_assert(strstr(reading->why.what, "more than 200000") != NULL);
}

/* ---- detection ---- */

static const struct {
    const char *head, *name, *format;
} detected[] = {
    { "{\"deviceid\":1}", "", "glpi-json" },
    { "\xEF\xBB\xBF  {", "x", "glpi-json" },
    { "<?xml version='1.0'?>", "a.ocs", "glpi-xml" },
    { "computer,name\n", "list", "csv" },
    { "计算机编号;软件名称\r\n", "", "csv" },
    { "\xFF\xFE", "export.csv", "csv" },
    { "\x01\x02", "EXPORT.CSV", "csv" },
    { "hello world\n", "readme", NULL },
    { "", "", NULL },
    { "\x78\x9C", "a", NULL },
};

Test(source, detects_the_format_by_first_bytes_and_name)
{
    for (size_t i = 0; i < ARRAY_LEN(detected); i++) {
        const struct source_format *format =
            source_detect(bytes_str(detected[i].head), detected[i].name);
        if (detected[i].format == NULL)
            cr_assert(eq(ptr, (void *)(uintptr_t)format, NULL), "%s", detected[i].head);
        else
            cr_assert(format != NULL && strcmp(format->name, detected[i].format) == 0, "%s",
                      detected[i].head);
    }
    for (size_t i = 0; source_at(i) != NULL; i++)
        cr_assert(eq(ptr, (void *)(uintptr_t)source_by_name(source_at(i)->name),
                     (void *)(uintptr_t)source_at(i)));
    cr_assert(eq(ptr, (void *)(uintptr_t)source_by_name("xlsx"), NULL));
}
