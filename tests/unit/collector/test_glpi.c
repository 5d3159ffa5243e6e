/* test_glpi.c - GLPI inventories in JSON and XML: own samples field by field, the corpora in place. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

#include "tests/unit/collector/source_fixture.h"

static const char office[] =
    "computer design-01-2026-01-05-09-00-00 unit - source glpi complete scan 1788744600000\n"
    "fact device=design-01-2026-01-05-09-00-00\n"
    "fact host=DESIGN-01\n"
    "fact serial=HX-SJ-0001\n"
    "fact uuid=8f0c2c1e-5b1f-4f6e-9a53-0d5b7f0c1a01\n"
    "fact os name=Microsoft Windows 11 专业版\n"
    "fact os version=10.0.22631\n"
    "fact maker=Lenovo\n"
    "fact model=ThinkPad P15\n"
    "fact kind=laptop\n"
    "fact user=lihua\n"
    "fact architecture=64-bit\n"
    "fact mac=3c:52:82:00:10:01\n";

static const char *const office_rows[] = {
    "row source=arp; name=WPS Office 专业版; vendor=北京金山办公软件股份有限公司; "
    "version=12.1.0.16929; architecture=x86_64; identifier=arp-key:Kingsoft Office; @ "
    "C:\\Program Files\\WPS | 2025-11-03 | ",
    "row source=arp; name=AutoCAD 2024 - 简体中文; vendor=Autodesk; version=24.3.61.0; "
    "identifier=msi-product:{28B89EEF-7101-0000-0102-CF3F3A09B77D}; @  | 2024-03-15 | user:lihua",
    "row source=dpkg; name=libfoo1:amd64; version=1.2-3; identifier=package:dpkg/libfoo1;",
    "row source=arp; name=7-Zip 23.01 (x64); vendor=Igor Pavlov; version=23.01;",
    "row source=antivirus; name=Kaspersky Endpoint Security; vendor=Kaspersky Lab; version=12.3;",
    "row source=activation; name=Microsoft Office Professional Plus 2021; channel=Trial; "
    "identifier=partial-key:55555;",
    "row source=os; name=Microsoft Windows 11 专业版; version=10.0.22631; architecture=64-bit; "
    "identifier=partial-key:EEEEE;",
};

static void check_office(struct reading *reading)
{
    cr_assert(ne(ptr, reading, NULL));
    cr_assert(eq(int, reading->result, 0), "%s: %s", reading->why.place, reading->why.what);
    cr_assert(eq(sz, reading->rejected + reading->ignored, 0), "%s", reading_text(reading));
    cr_assert(eq(sz, reading->rows, ARRAY_LEN(office_rows)));
    cr_assert(strncmp(reading_text(reading), office, sizeof(office) - 1) == 0, "%s",
              reading_text(reading));
    for (size_t i = 0; i < ARRAY_LEN(office_rows); i++)
        cr_assert(reading_has(reading, office_rows[i]), "%s\nnot in\n%s", office_rows[i],
                  reading_text(reading));
}

Test(glpi, reads_every_field_of_a_json_inventory)
{
    CLEANUP(reading_freep)
    struct reading *reading =
        read_file_as(&source_glpi_json, "tests/samples/collector/office.json");
    check_office(reading);
}

Test(glpi, reads_the_same_from_xml_whose_device_comes_after_the_content)
{
    CLEANUP(reading_freep)
    struct reading *reading =
        read_file_as(&source_glpi_xml, "tests/samples/collector/office_ocs.xml");
    check_office(reading);
}

Test(glpi, reads_the_same_from_xml_in_any_order)
{
    CLEANUP(reading_freep)
    struct reading *reading =
        read_file_as(&source_glpi_xml, "tests/samples/collector/office_glpi.xml");
    check_office(reading);
}

#define JSON(content) "{\"deviceid\":\"d1\",\"content\":{\"versionclient\":\"v\"," content "}}"

Test(glpi, leaves_out_bad_items_names_them_and_is_not_complete_then)
{
    char json[4096], big[1100];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    (void)snprintf(json, sizeof(json),
                   JSON("\"softwares\":[{\"name\":\"good\"},{\"version\":\"1\"},"
                        "{\"name\":\"%s\"},{\"name\":\"a\\u0000b\"},{\"name\":5},7,"
                        "{\"name\":\"c\",\"publisher\":[]},{\"name\":\" \"},{\"name\":\"last\"}]"),
                   big);
    CLEANUP(reading_freep) struct reading *reading = read_as(&source_glpi_json, json);
    cr_assert(eq(int, reading->result, 0), "%s", reading->why.what);
    cr_assert(eq(str, (char *)reading_text(reading),
                 "rejected softwares 2, name: missing or empty\n"
                 "rejected softwares 3, name: longer than 1024 bytes\n"
                 "rejected softwares 4, name: not UTF-8, or with a NUL inside\n"
                 "rejected softwares 5, name: no text\n"
                 "rejected softwares 6: no object\n"
                 "rejected softwares 7, publisher: no text\n"
                 "rejected softwares 8, name: missing or empty\n"
                 "computer d1 unit - source glpi incomplete scan 0\n"
                 "fact device=d1\n"
                 "row source=list; name=good;\n"
                 "row source=list; name=last;\n"));
}

Test(glpi, does_not_take_a_partial_or_silent_inventory_for_a_complete_one)
{
    CLEANUP(reading_freep)
    struct reading *partial =
        read_as(&source_glpi_json,
                "{\"deviceid\":\"d\",\"partial\":true,\"content\":{\"versionclient\":\"v\","
                "\"softwares\":[{\"name\":\"a\"}]}}");
    CLEANUP(reading_freep)
    struct reading *silent = read_as(&source_glpi_json, JSON("\"hardware\":{\"name\":\"h\"}"));
    CLEANUP(reading_freep)
    struct reading *none = read_as(&source_glpi_json, JSON("\"softwares\":[]"));
    cr_assert(reading_has(partial, "computer d unit - source glpi incomplete scan 0"));
    cr_assert(reading_has(silent, "computer d1 unit - source glpi incomplete scan 0"));
    cr_assert(reading_has(none, "computer d1 unit - source glpi incomplete scan 0"));
}

Test(glpi, ignores_a_fact_that_cannot_stand_and_a_date_that_is_none)
{
    CLEANUP(reading_freep)
    struct reading *reading = read_as(
        &source_glpi_json, JSON("\"hardware\":{\"name\":\"a\\u0000\"},"
                                "\"accesslog\":{\"logdate\":\"2023-56-29 06:00:00\"},"
                                "\"softwares\":[{\"name\":\"a\",\"install_date\":\"soon\"}]"));
    cr_assert(eq(int, reading->result, 0));
    cr_assert(eq(sz, reading->ignored, 3), "%s", reading_text(reading));
    cr_assert(eq(sz, reading->rejected, 0));
    cr_assert(reading_has(reading, "computer d1 unit - source glpi complete scan 0"));
    cr_assert(reading_has(reading, "row source=list; name=a;"));
}

Test(glpi, tells_the_scan_time_by_the_computers_own_zone)
{
    CLEANUP(reading_freep)
    struct reading *reading =
        read_as(&source_glpi_json, JSON("\"accesslog\":{\"logdate\":\"2020-06-12 14:19:54\"},"
                                        "\"operatingsystem\":{\"timezone\":{\"offset\":\"+0200\"}},"
                                        "\"softwares\":[{\"name\":\"a\"}]"));
    cr_assert(reading_has(reading, "computer d1 unit - source glpi complete scan 1591964394000"),
              "%s", reading_text(reading));
}

static const struct {
    const char *document;
    const char *place, *what;
} bad_json[] = {
    { "{\"deviceid\":\"d\",\n\"content\":{,}}", "line 2, column 12", "not JSON" },
    { "{\"deviceid\":\"d\",\"content\":{\"versionclient\":\"v\",\"softwares\":[", "line 1",
      "not JSON" },
    { "{\"deviceid\":\"d\",\"deviceid\":\"e\",\"content\":{}}", "line 1", "duplicate" },
    { "{}", "content", "missing" },
    { "[]", "the document", "no object" },
    { "{\"content\":{\"versionclient\":\"v\"}}", "deviceid", "missing" },
    { "{\"deviceid\":\" \",\"content\":{\"versionclient\":\"v\"}}", "deviceid",
      "missing or empty" },
    { "{\"deviceid\":\"d\",\"content\":{}}", "content, versionclient", "missing" },
    { "{\"deviceid\":\"d\",\"partial\":1,\"content\":{\"versionclient\":\"v\"}}", "partial",
      "neither" },
    { "{\"deviceid\":\"d\",\"itemtype\":\"Printer\",\"content\":{\"versionclient\":\"v\"}}",
      "itemtype", "not" },
    { "{\"deviceid\":\"d\",\"content\":{\"versionclient\":\"v\",\"softwares\":{}}}",
      "content, softwares", "no list" },
    { "{\"deviceid\":\"d\",\"content\":{\"versionclient\":\"v\",\"bios\":[]}}", "content, bios",
      "no object" },
    { "{\"deviceid\":\"\xFF\",\"content\":{}}", "line 1", "not JSON" },
};

Test(glpi, refuses_malformed_json_whole_saying_where)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_json); i++) {
        CLEANUP(reading_freep)
        struct reading *reading = read_as(&source_glpi_json, bad_json[i].document);
        cr_assert(eq(int, reading->result, -EBADMSG), "%s", bad_json[i].document);
        cr_assert(eq(sz, reading->computers, 0));
        cr_assert(strstr(reading->why.place, bad_json[i].place) != NULL, "%s: %s",
                  bad_json[i].document, reading->why.place);
        cr_assert(strstr(reading->why.what, bad_json[i].what) != NULL, "%s: %s",
                  bad_json[i].document, reading->why.what);
        cr_assert(reading->why.remedy[0] != '\0');
    }
}

Test(glpi, refuses_json_that_is_nested_without_end)
{
    static char deep[200000];
    memset(deep, '[', sizeof(deep) - 1);
    memcpy(deep, "{\"content\":", 11);
    CLEANUP(reading_freep) struct reading *reading = read_as(&source_glpi_json, deep);
    cr_assert(eq(int, reading->result, -EBADMSG));
}

#define XML(content)             \
    "<REQUEST><CONTENT>" content \
    "</CONTENT><DEVICEID>d1</DEVICEID><QUERY>INVENTORY</QUERY></REQUEST>"

static const struct {
    const char *document;
    const char *place, *what;
} bad_xml[] = {
    { "<REQUEST><CONTENT>\n<SOFTWARES></CONTENT></REQUEST>", "line 2", "mismatched tag" },
    { "<REQUEST><CONTENT/>", "line 1", "no element found" },
    { "<!DOCTYPE x [<!ENTITY a \"b\">]><REQUEST><CONTENT/></REQUEST>", "line 1", "document type" },
    { "<!DOCTYPE x SYSTEM \"f\"><REQUEST><CONTENT/></REQUEST>", "line 1", "document type" },
    { "<REQUEST><CONTENT>&boom;</CONTENT></REQUEST>", "line 1", "undefined entity" },
    { "<REPLY><CONTENT/></REPLY>", "line 1", "not REQUEST" },
    { "<REQUEST><DEVICEID>d</DEVICEID></REQUEST>", "REQUEST", "no CONTENT" },
    { "<REQUEST><DEVICEID>d</DEVICEID><QUERY>PROLOG</QUERY><CONTENT/></REQUEST>", "QUERY",
      "another kind" },
    { "<REQUEST><CONTENT/><CONTENT/></REQUEST>", "line 1", "second CONTENT" },
    { "<REQUEST><CONTENT/></REQUEST>", "deviceid", "missing" },
    { "<REQUEST><CONTENT/><DEVICEID>d</DEVICEID><ITEMTYPE>Printer</ITEMTYPE></REQUEST>", "ITEMTYPE",
      "not" },
    { "<?xml version=\"1.0\" encoding=\"GB2312\"?><REQUEST/>", "line 1", "unknown encoding" },
    { "<REQUEST><CONTENT><SOFTWARES><NAME>\xFF</NAME></SOFTWARES></CONTENT></REQUEST>", "line 1",
      "not well-formed" },
    { "<REQUEST><CONTENT><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", "line 1", "16 deep" },
};

Test(glpi, refuses_malformed_xml_whole_saying_where)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_xml); i++) {
        CLEANUP(reading_freep)
        struct reading *reading = read_as(&source_glpi_xml, bad_xml[i].document);
        cr_assert(eq(int, reading->result, -EBADMSG), "%s", bad_xml[i].document);
        cr_assert(eq(sz, reading->computers, 0));
        cr_assert(strstr(reading->why.place, bad_xml[i].place) != NULL, "%s: %s",
                  bad_xml[i].document, reading->why.place);
        cr_assert(strstr(reading->why.what, bad_xml[i].what) != NULL, "%s: %s", bad_xml[i].document,
                  reading->why.what);
        cr_assert(reading->why.remedy[0] != '\0');
    }
}

Test(glpi, leaves_out_an_xml_item_whose_text_is_too_long_and_goes_on)
{
    static char xml[20000];
    char big[9000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    (void)snprintf(xml, sizeof(xml),
                   XML("<SOFTWARES><NAME>%s</NAME></SOFTWARES>"
                       "<SOFTWARES><NAME>a &amp; b</NAME><COMMENTS>%s</COMMENTS></SOFTWARES>"
                       "<SOFTWARES/>"),
                   big, big);
    CLEANUP(reading_freep) struct reading *reading = read_as(&source_glpi_xml, xml);
    cr_assert(eq(int, reading->result, 0), "%s", reading->why.what);
    cr_assert(eq(str, (char *)reading_text(reading),
                 "rejected softwares 1, name: longer than 1024 bytes\n"
                 "rejected softwares 3, name: missing or empty\n"
                 "computer d1 unit - source glpi incomplete scan 0\n"
                 "fact device=d1\n"
                 "row source=list; name=a & b;\n"));
}

Test(glpi, returns_what_the_sink_answers)
{
    CLEANUP(reading_freep) struct reading *reading = reading_new();
    struct source_sink sink = reading_sink(reading);
    reading->sink_result = -ENOSPC;
    const char *json = JSON("\"softwares\":[{\"name\":\"a\"}]");
    cr_assert(eq(int,
                 source_glpi_json.read(bytes_str(json), "", reading->arena, &sink, &reading->why),
                 -ENOSPC));
}

/* ---- the corpora ---- */

#define CORPUS "../shared/corpora/glpi-inventory_format/"

static struct reading *corpus(const struct source_format *format, const char *file)
{
    struct reading *reading = read_file_as(format, file);
    if (reading == NULL)
        cr_skip("%s is not here", file);
    cr_assert(eq(int, reading->result, 0), "%s: %s: %s", file, reading->why.place,
              reading->why.what);
    cr_assert(eq(sz, reading->computers, 1));
    return reading;
}

Test(glpi_corpora, reads_a_fedora_laptop_in_json)
{
    CLEANUP(reading_freep)
    struct reading *reading = corpus(&source_glpi_json, CORPUS "computer_1.json");
    cr_assert(eq(sz, reading->rows, 7), "%s", reading_text(reading));
    cr_assert(eq(sz, reading->rejected, 0));
    cr_assert(reading_has(reading, "computer glpixps-2018-07-09-09-07-13 unit - source glpi "
                                   "complete scan 1591964394000"));
    cr_assert(reading_has(reading, "row source=rpm; name=gitg; vendor=Fedora Project; "
                                   "version=3.32.1-1.fc31; architecture=x86_64; "
                                   "identifier=package:rpm/gitg; @  | 2019-12-19 | "));
    cr_assert(reading_has(reading, "row source=os; name=Fedora 31 (Workstation Edition); "
                                   "version=31 (Workstation Edition); architecture=x86_64;"));
    cr_assert(reading_has(reading, "fact serial=640HP72"));
    cr_assert(reading_has(reading, "fact kind=laptop"));
}

Test(glpi_corpora, takes_a_partial_inventory_as_incomplete)
{
    CLEANUP(reading_freep)
    struct reading *reading = corpus(&source_glpi_json, CORPUS "computer_1_partial_softs.json");
    cr_assert(strstr(reading_text(reading), " incomplete ") != NULL);
}

Test(glpi_corpora, reads_a_fedora_laptop_in_xml)
{
    CLEANUP(reading_freep)
    struct reading *reading = corpus(&source_glpi_xml, CORPUS "1.xml");
    cr_assert(eq(sz, reading->rows, 43));
    cr_assert(eq(sz, reading->rejected, 0));
    cr_assert(reading_has(reading, "row source=rpm; name=xerces-j2; vendor=Fedora Project; "
                                   "version=2.11.0-24.fc24; architecture=noarch; "
                                   "identifier=package:rpm/xerces-j2;"));
    cr_assert(reading_has(reading, "row source=os; name=Fedora release 25 (Twenty Five); "
                                   "version=25; architecture=x86_64;"));
    cr_assert(reading_has(reading, "fact host=LF014"));
    cr_assert(reading_has(reading, "fact serial=9E113232I"));
    cr_assert(strstr(reading_text(reading), "fact asset=") == NULL); /* ten zeros */
}

Test(glpi_corpora, takes_programs_of_a_mac_for_applications)
{
    CLEANUP(reading_freep) struct reading *reading = corpus(&source_glpi_xml, CORPUS "3.xml");
    cr_assert(eq(sz, reading->rows, 41));
    cr_assert(reading_has(reading, "row source=app; name=ContentIndexing; version=1.2.1; @  | "
                                   "2006-08-20 | "),
              "%s", reading_text(reading));
    CLEANUP(reading_freep) struct reading *other = corpus(&source_glpi_xml, CORPUS "4.xml");
    cr_assert(eq(sz, other->rows, 8));
}

Test(glpi_corpora, reads_an_android_device_with_310_programs)
{
    CLEANUP(reading_freep) struct reading *reading = corpus(&source_glpi_xml, CORPUS "18.xml");
    cr_assert(eq(sz, reading->rows, 311));
    cr_assert(eq(sz, reading->rejected, 0));
    cr_assert(reading_has(reading, "row source=android; name=Filter Provider; version=6.0.10; @ "
                                   "/system/app/FilterProvider | 2008-12-31 | "));
    CLEANUP(reading_freep) struct reading *other = corpus(&source_glpi_xml, CORPUS "13.xml");
    cr_assert(eq(sz, other->rows, 2));
}
