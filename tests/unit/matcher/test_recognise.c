/* Recognition: the order of evidence, namesakes refused, classes as an organisation sees them. */
#include "matcher/recognise.h"

#include <errno.h>

#include "fixture.h"

static bool is_product(const Zb__Verdict *v, const char *product)
{
    return strcmp(v->product, product) == 0;
}

static void expect(struct fixture *f, struct fixture_row row, const char *product,
                   Zb__LicenceClass class, Zb__Grade grade)
{
    Zb__Verdict v = fixture_judge(f, row);
    cr_expect(is_product(&v, product), "%s: product '%s', not '%s'", row.name, v.product, product);
    cr_expect(v.licence_class == class, "%s: class %d", row.name, v.licence_class);
    cr_expect(v.grade == grade, "%s: grade %d", row.name, v.grade);
}

Test(recognise, takes_the_strongest_evidence)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    expect(f, (struct fixture_row){ .source = "arp", .name = "WinRAR", .id = "winget:7zip.7zip" },
           "igor-pavlov.7zip", CLASS_OPEN_SOURCE, GRADE_IDENTIFIER);
    expect(f,
           (struct fixture_row){
               .source = "arp", .name = "WinRAR 6.02 (64-位)", .vendor = "win.rar GmbH" },
           "rarlab.winrar", CLASS_COMMERCIAL, GRADE_NAME_VENDOR);
    expect(f, (struct fixture_row){ .source = "arp", .name = "WinRAR 6.02 (64-bit)" },
           "rarlab.winrar", CLASS_COMMERCIAL, GRADE_NAME);
    expect(
        f,
        (struct fixture_row){ .source = "os", .name = "Kylin Linux Advanced Server V10 (Tercel)" },
        "kylinsoft.kylin", CLASS_COMMERCIAL, GRADE_PATTERN);
    expect(f, (struct fixture_row){ .source = "arp", .name = "Nobody Knows This" }, "",
           CLASS_UNKNOWN, GRADE_NONE);
}

Test(recognise, refuses_a_namesake_of_another_vendor)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    expect(
        f,
        (struct fixture_row){ .source = "arp", .name = "Navicat", .vendor = "Totally Other Ltd" },
        "", CLASS_UNKNOWN, GRADE_NONE);
    expect(f,
           (struct fixture_row){
               .source = "arp", .name = "Project", .vendor = "Huawei Technologies Co., Ltd." },
           "", CLASS_UNKNOWN, GRADE_NONE);
    Zb__Verdict v = fixture_judge(
        f,
        (struct fixture_row){ .source = "arp", .name = "Navicat", .vendor = "Totally Other Ltd" });
    cr_assert(eq(sz, v.n_losers, (size_t)1));
    cr_assert(eq(str, v.losers[0], (char *)"premiumsoft.navicat"));
}

Test(recognise, knows_what_offices_banks_and_design_institutes_run)
{
    static const struct {
        const char *name, *vendor, *product;
        Zb__LicenceClass class;
    } rows[] = {
        { "PTC Creo Parametric 7.0", "PTC Inc.", "ptc.creo", CLASS_COMMERCIAL },
        { "Rhino 7", "Robert McNeel & Associates", "mcneel.rhino", CLASS_COMMERCIAL },
        { "SketchUp Pro 2022", "Trimble, Inc.", "trimble.sketchup", CLASS_COMMERCIAL },
        { "理正岩土计算分析软件 7.0", "北京理正软件股份有限公司", "lizheng.geo", CLASS_COMMERCIAL },
        { "瀚高数据库管理系统", "瀚高基础软件股份有限公司", "highgo.hgdb", CLASS_COMMERCIAL },
        { "Microsoft Access 2019", "Microsoft Corporation", "microsoft.access", CLASS_COMMERCIAL },
        { "Microsoft PowerBI Desktop (x64)", "Microsoft Corporation", "microsoft.power-bi",
          CLASS_FREE },
        { "ESET Endpoint Security", "ESET, spol. s r.o.", "eset.endpoint", CLASS_COMMERCIAL },
        { "中望CAD机械版 2023", "广州中望龙腾软件股份有限公司", "zwsoft.zwcad", CLASS_COMMERCIAL },
        { "DBeaver 23.0.1", "DBeaver Corp", "dbeaver.community", CLASS_OPEN_SOURCE },
        { "IBM SPSS Statistics 26", "IBM Corp", "ibm.spss", CLASS_COMMERCIAL },
        { "SAP GUI for Windows 7.60", "SAP SE", "sap.gui", CLASS_COMMERCIAL },
    };
    static const struct {
        const char *name, *vendor;
    } namesakes[] = {
        { "Rhino 1.7", NULL },
        { "Rhino", "Mozilla" },
        { "SketchUp Pro", "Totally Other Ltd" },
        { "Enterprise Architect", NULL },
        { "Origin", "Electronic Arts, Inc." },
        { "Enscape", NULL },
        { "AIX", "Totally Other Ltd" },
        { "TiDB", "Totally Other Ltd" },
    };
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect(
            f,
            (struct fixture_row){ .source = "arp", .name = rows[i].name, .vendor = rows[i].vendor },
            rows[i].product, rows[i].class, GRADE_NAME_VENDOR);
    for (size_t i = 0; i < ARRAY_LEN(namesakes); i++)
        expect(f,
               (struct fixture_row){
                   .source = "arp", .name = namesakes[i].name, .vendor = namesakes[i].vendor },
               "", CLASS_UNKNOWN, GRADE_NONE);
}

Test(recognise, wants_the_vendor_of_a_common_word)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    expect(f, (struct fixture_row){ .source = "arp", .name = "Everything" }, "", CLASS_UNKNOWN,
           GRADE_NONE);
    expect(f,
           (struct fixture_row){
               .source = "arp", .name = "Everything 1.4.1.1009 (x64)", .vendor = "voidtools" },
           "voidtools.everything", CLASS_OPEN_SOURCE, GRADE_NAME_VENDOR);
    expect(f,
           (struct fixture_row){ .source = "arp",
                                 .name = "Project Professional 2019",
                                 .vendor = "Microsoft Corporation" },
           "microsoft.project", CLASS_COMMERCIAL, GRADE_NAME_VENDOR);
}

Test(recognise, tells_editions_that_are_licensed_differently)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    expect(f,
           (struct fixture_row){
               .source = "arp", .name = "PyCharm 2020.3", .vendor = "JetBrains s.r.o." },
           "jetbrains.pycharm", CLASS_COMMERCIAL, GRADE_NAME_VENDOR);
    expect(f,
           (struct fixture_row){ .source = "arp",
                                 .name = "PyCharm Community Edition 2020.3",
                                 .vendor = "JetBrains s.r.o." },
           "jetbrains.pycharm-community", CLASS_OPEN_SOURCE, GRADE_NAME_VENDOR);
    expect(f,
           (struct fixture_row){
               .source = "arp", .name = "WPS Office 2019 专业版", .vendor = "Kingsoft Corp." },
           "kingsoft.wps-pro", CLASS_COMMERCIAL, GRADE_NAME_VENDOR);
    expect(f,
           (struct fixture_row){ .source = "arp",
                                 .name = "WPS Office",
                                 .vendor = "Kingsoft Corp.",
                                 .edition = "专业版" },
           "kingsoft.wps-pro", CLASS_COMMERCIAL, GRADE_NAME_VENDOR);
    expect(f,
           (struct fixture_row){
               .source = "arp", .name = "WPS Office 个人版", .vendor = "Kingsoft Corp." },
           "kingsoft.wps", CLASS_FREE, GRADE_NAME_VENDOR);
    expect(f,
           (struct fixture_row){
               .source = "arp", .name = "Java 8 Update 341", .vendor = "Oracle Corporation" },
           "oracle.java-8", CLASS_COMMERCIAL, GRADE_NAME_VENDOR);
    expect(f, (struct fixture_row){ .source = "arp", .name = "Visual Studio Community 2022" },
           "microsoft.visual-studio-community", CLASS_FREE, GRADE_NAME);
}

Test(recognise, gives_edition_and_version_as_rights_name_them)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    Zb__Verdict v = fixture_judge(
        f, (struct fixture_row){ .source = "arp",
                                 .name = "Microsoft Office Professional Plus 2019 - zh-cn",
                                 .vendor = "Microsoft Corporation",
                                 .version = "16.0.10300.20002" });
    cr_assert(eq(str, v.edition, (char *)"professional-plus"));
    cr_assert(eq(str, v.version, (char *)"2019"));
    cr_assert(eq(str, v.category, (char *)"office"));
    v = fixture_judge(f, (struct fixture_row){ .source = "arp",
                                               .name = "7-Zip 19.00 (x64)",
                                               .vendor = "Igor Pavlov",
                                               .version = "19.00.1" });
    cr_assert(eq(str, v.version, (char *)"19.00.1"));
    v = fixture_judge(f, (struct fixture_row){ .source = "os",
                                               .name = "Microsoft Windows 11 专业版",
                                               .version = "10.0.22631" });
    cr_assert(eq(str, v.version, (char *)"11"));
    cr_assert(eq(str, v.edition, (char *)"professional"));
}

Test(recognise, lets_the_channel_decide_between_classes_of_what_is_sold)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    struct fixture_row windows = { .source = "os", .name = "Microsoft Windows 10 专业版" };
    expect(f, windows, "microsoft.windows", CLASS_COMMERCIAL, GRADE_NAME);
    windows.channel = "OEM_DM";
    expect(f, windows, "microsoft.windows", CLASS_OEM_BOUND, GRADE_NAME);
    windows.channel = "VOLUME_KMSCLIENT channel";
    expect(f, windows, "microsoft.windows", CLASS_COMMERCIAL, GRADE_NAME);
    windows.channel = "TIMEBASED_EVAL channel";
    expect(f, windows, "microsoft.windows", CLASS_TRIAL, GRADE_NAME);
    expect(
        f,
        (struct fixture_row){ .source = "arp", .name = "AutoCAD 2022 Trial", .vendor = "Autodesk" },
        "autodesk.autocad", CLASS_TRIAL, GRADE_NAME_VENDOR);
}

Test(recognise, reads_a_partial_key_as_edition_and_version)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    Zb__Verdict v = fixture_judge(f, (struct fixture_row){ .source = "activation",
                                                           .name = "Office 16",
                                                           .id = "partial-key:WFG99" });
    cr_assert(is_product(&v, "microsoft.office"));
    cr_assert(eq(str, v.edition, (char *)"professional-plus"));
    cr_assert(eq(str, v.version, (char *)"16"));
    cr_assert(eq(int, v.grade, GRADE_IDENTIFIER));
}

Test(recognise, finds_activators_and_no_innocent_namesake)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    static const char *const guilty[] = {
        "KMSpico",           "HEU_KMS_Activator_v24", "KMSAuto Net",
        "Microsoft Toolkit", "小马Win10激活工具 v2",  "云萌Windows10激活工具",
        "Photoshop keygen",  "WinRAR 6.11 破解版",    "AutoCAD 2021 注册机",
        "KMS激活工具"
    };
    static const char *const innocent[] = { "Crackle",           "keygenmusic",
                                            "Firecracker",       "Nutcracker Game",
                                            "Keygentle",         "Office Tool Plus",
                                            "Kmspicture Viewer", "Password Cracker Course",
                                            "激活码管理系统" };
    for (size_t i = 0; i < ARRAY_LEN(guilty); i++) {
        Zb__Verdict v =
            fixture_judge(f, (struct fixture_row){ .source = "arp", .name = guilty[i] });
        cr_expect(v.licence_class == CLASS_PROHIBITED, "%s is %s", guilty[i], v.product);
    }
    for (size_t i = 0; i < ARRAY_LEN(innocent); i++) {
        Zb__Verdict v =
            fixture_judge(f, (struct fixture_row){ .source = "arp", .name = innocent[i] });
        cr_expect(v.licence_class != CLASS_PROHIBITED, "%s is %s", innocent[i], v.product);
    }
    expect(f, (struct fixture_row){ .source = "file", .name = "C:\\Windows\\SECOH-QAD.exe" },
           "activator.kms-emulator", CLASS_PROHIBITED, GRADE_IDENTIFIER);
}

Test(recognise, lets_evidence_of_the_contrary_clear_a_row)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    expect(f, (struct fixture_row){ .source = "activation", .name = "KMSpico" },
           "activator.kmspico", CLASS_PROHIBITED, GRADE_NAME);
    expect(f,
           (struct fixture_row){ .source = "activation",
                                 .name = "KMSpico",
                                 .id = "indicator:state/gvlk-on-retail-channel" },
           "microsoft.windows", CLASS_COMMERCIAL, GRADE_IDENTIFIER);
    expect(f,
           (struct fixture_row){
               .source = "activation", .name = "AutoKMS", .id = "indicator:task/SvcRestartTask" },
           "microsoft.software-protection", CLASS_SYSTEM, GRADE_IDENTIFIER);
}

Test(recognise, classes_packages_by_who_built_them)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    expect(f,
           (struct fixture_row){
               .source = "dpkg", .name = "bash", .vendor = "Matthias Klose", .origin = "Debian" },
           "", CLASS_OPEN_SOURCE, GRADE_NONE);
    expect(f, (struct fixture_row){ .source = "rpm", .name = "bash", .vendor = "CentOS" }, "",
           CLASS_OPEN_SOURCE, GRADE_NONE);
    expect(f, (struct fixture_row){ .source = "rpm", .name = "bash", .origin = "openEuler" }, "",
           CLASS_OPEN_SOURCE, GRADE_NONE);
    expect(f, (struct fixture_row){ .source = "dpkg", .name = "startdde", .origin = "UnionTech" },
           "", CLASS_SYSTEM, GRADE_NONE);
    expect(f,
           (struct fixture_row){
               .source = "dpkg", .name = "bash", .origin = "Kylin", .licence = "GPL-3+" },
           "", CLASS_OPEN_SOURCE, GRADE_NONE);
    expect(f, (struct fixture_row){ .source = "dpkg", .name = "bash", .origin = "Acme Repository" },
           "", CLASS_UNKNOWN, GRADE_NONE);
    expect(f, (struct fixture_row){ .source = "dpkg", .name = "bash" }, "", CLASS_UNKNOWN,
           GRADE_NONE);
    expect(f,
           (struct fixture_row){ .source = "dpkg", .name = "unrar", .origin = "Debian/non-free" },
           "", CLASS_UNKNOWN, GRADE_NONE);
    expect(f,
           (struct fixture_row){
               .source = "dpkg", .name = "some-tool", .vendor = "Google LLC", .origin = "Debian" },
           "", CLASS_UNKNOWN, GRADE_NONE);
    expect(f, (struct fixture_row){ .source = "dpkg", .name = "pdfcrack", .origin = "Debian" }, "",
           CLASS_OPEN_SOURCE, GRADE_NONE);
}

Test(recognise, names_a_commercial_package_among_a_distributions_own)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    expect(
        f,
        (struct fixture_row){
            .source = "dpkg", .name = "wps-office", .vendor = "Kingsoft", .origin = "UnionTech" },
        "kingsoft.wps", CLASS_FREE, GRADE_IDENTIFIER);
    expect(
        f,
        (struct fixture_row){
            .source = "dpkg", .name = "cn.wps.wps-office", .vendor = "UnionTech", .origin = "uos" },
        "kingsoft.wps", CLASS_FREE, GRADE_IDENTIFIER);
    expect(f, (struct fixture_row){ .source = "dpkg", .name = "dmdbms", .origin = "Kylin" },
           "dameng.dm", CLASS_COMMERCIAL, GRADE_IDENTIFIER);
    expect(f,
           (struct fixture_row){
               .source = "dpkg", .name = "wechat", .vendor = "Some Hobbyist", .origin = "Debian" },
           "", CLASS_OPEN_SOURCE, GRADE_NONE);
    expect(f, (struct fixture_row){ .source = "dpkg", .name = "navicat", .origin = "Debian" }, "",
           CLASS_OPEN_SOURCE, GRADE_NONE);
}

Test(recognise, gives_a_tie_to_the_smaller_id)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    struct bytes ids[] = { BYTES_LIT("winget:RARLab.WinRAR"), BYTES_LIT("winget:7zip.7zip"),
                           BYTES_LIT("winget:Bandisoft.Bandizip") };
    struct row row = { .fields.repeated = ids, .fields.repeated_count = ARRAY_LEN(ids) };
    Zb__Verdict v;
    row.fields.value[ROW_SOURCE] = BYTES_LIT("arp");
    cr_assert(eq(int, recognise_row(f->catalogue, &row, f->arena, &v), 0));
    cr_assert(is_product(&v, "bandisoft.bandizip"));
    cr_assert(eq(sz, v.n_losers, (size_t)2));
    cr_assert(eq(str, v.losers[0], (char *)"igor-pavlov.7zip"));
    cr_assert(eq(str, v.losers[1], (char *)"rarlab.winrar"));
}

Test(recognise, fills_row_and_catalogue_from_canonical_bytes)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    CLEANUP(buf_done) struct buf canonical = BUF_INIT(BOUND_ROW_BYTES);
    struct row row = { 0 };
    struct complaint why = { 0 };
    Zb__Verdict v;
    row.fields.value[ROW_SOURCE] = BYTES_LIT("arp");
    row.fields.value[ROW_NAME] = BYTES_LIT("Google Chrome");
    cr_assert(eq(int, row_encode(&row, &canonical, &why), 0));
    cr_assert(eq(int, recognise_bytes(f->catalogue, buf_bytes(&canonical), f->arena, &v, &why), 0));
    struct id128 id = row_id(buf_bytes(&canonical));
    struct digest digest = catalogue_digest(f->catalogue);
    cr_assert(bytes_eq(bytes_of(v.row.data, v.row.len), bytes_of(id.b, sizeof(id.b))));
    cr_assert(bytes_eq(bytes_of(v.catalogue.data, v.catalogue.len),
                       bytes_of(digest.b, sizeof(digest.b))));
    cr_assert(is_product(&v, "google.chrome"));
    cr_assert(eq(int, recognise_bytes(f->catalogue, BYTES_LIT("\x01\x02"), f->arena, &v, &why),
                 -EBADMSG));
}

Test(recognise, says_when_memory_is_out)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    CLEANUP(arena_freep) struct arena *small = arena_new(64);
    struct row row = { 0 };
    Zb__Verdict v;
    row.fields.value[ROW_SOURCE] = BYTES_LIT("arp");
    row.fields.value[ROW_NAME] = BYTES_LIT("Microsoft Office Professional Plus 2019 of some kind");
    cr_assert(eq(int, recognise_row(f->catalogue, &row, small, &v), -ENOMEM));
}

static bool explains(struct fixture *f, const char *name, const char *vendor, const char *sentence)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 16);
    struct row row = { 0 };
    row.fields.value[ROW_SOURCE] = BYTES_LIT("arp");
    row.fields.value[ROW_NAME] = bytes_str(name);
    row.fields.value[ROW_VENDOR] = bytes_str(vendor);
    cr_assert(eq(int, recognise_explain(f->catalogue, &row, f->arena, &out), 0));
    buf_put_u8(&out, 0);
    bool found = strstr((const char *)out.data, sentence) != NULL;
    if (!found)
        cr_log_error("%s", (const char *)out.data);
    return found;
}

Test(explain, says_in_sentences_what_decided_and_what_lost)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    cr_expect(
        explains(f, "WinRAR 6.02", "win.rar GmbH", "is WinRAR (rarlab.winrar) of win.rar GmbH."));
    cr_expect(explains(f, "WinRAR 6.02", "win.rar GmbH", "its name, and the vendor agrees"));
    cr_expect(explains(f, "WinRAR 6.02", "win.rar GmbH", "Peeled off the name: version \"6.02\""));
    cr_expect(explains(f, "Navicat", "Other",
                       "Not premiumsoft.navicat (name:Navicat): the vendor "
                       "contradicts: a namesake."));
    cr_expect(explains(f, "a\x1b[2Jb", NULL, "\"a\\x1b[2Jb\""));
}
