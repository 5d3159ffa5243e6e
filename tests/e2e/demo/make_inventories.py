#!/usr/bin/env python3
"""make_inventories.py - the computers of the demo's enterprise group, as their tools would list them.

    tests/e2e/demo/make_inventories.py [DIR]   writes DIR (default: data/ beside this file)
    tests/e2e/demo/make_inventories.py --check exit 1 if what is committed is not what it writes

    DIR/design/SJ-001.json ...   华新设计院: 22 computers, one GLPI inventory each
    DIR/trade/computers.csv      华新商贸: 20 computers in one table
    DIR/after/...                the same computers after they were cleaned, for the re-scan
    DIR/expected.tsv             what a right recognition must count, before and after

Everything is made up. Nothing depends on chance or on the day: the same script writes the same
bytes. The inventories name no scan time, so a scan was made when it is imported.
"""
import csv
import io
import json
import os
import sys

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋"
GIVEN = "伟芳娜敏静强磊洋艳勇军杰娟涛明超霞平刚玲桂红"

# name, publisher, version: free, open source, parts of the system
FREE = [
    ("7-Zip 23.01 (x64)", "Igor Pavlov", "23.01"),
    ("Google Chrome", "Google LLC", "126.0.6478.127"),
    ("微信", "腾讯科技(深圳)有限公司", "3.9.10.27"),
    ("搜狗输入法 14.5 正式版", "Sogou.com", "14.5.0.9307"),
    ("VLC media player", "VideoLAN", "3.0.20"),
    ("Mozilla Firefox (x64 zh-CN)", "Mozilla", "127.0.1"),
    ("Notepad++ (64-bit x64)", "Notepad++ Team", "8.6.8"),
    ("腾讯会议", "腾讯科技(深圳)有限公司", "3.25.4.481"),
    ("钉钉", "钉钉(中国)信息技术有限公司", "7.5.20"),
    ("Foxit PDF Reader", "Foxit Software Inc.", "2024.2.2.25170"),
    ("百度网盘", "北京度友科技有限公司", "7.42.0"),
    ("Everything 1.4.1.1024 (x64)", "voidtools", "1.4.1.1024"),
]
SYSTEM = [
    ("Microsoft Edge", "Microsoft Corporation", "126.0.2592.81"),
    ("Microsoft Visual C++ 2015-2022 Redistributable (x64) - 14.38.33135",
     "Microsoft Corporation", "14.38.33135.0"),
    ("Microsoft Update Health Tools", "Microsoft Corporation", "3.74.0.0"),
]
# nobody knows these: they stay unknown, which is not "fine"
UNKNOWN = [
    ("华新图档管理客户端", "华新集团信息中心", "2.3"),
    ("Deli DL-888 打印机驱动", "得力集团有限公司", "1.0.7"),
]
LIBREOFFICE = ("LibreOffice 24.2.4.2", "The Document Foundation", "24.2.4.2")
FASTVIEW = ("CAD看图王", "苏州浩辰软件股份有限公司", "8.8.0")
AUTOCAD = ("AutoCAD 2024 - 简体中文 (Simplified Chinese)", "Autodesk", "24.3.61.0")
ZWCAD = ("中望CAD 2024 专业版", "广州中望龙腾软件股份有限公司", "24.10")
KASPERSKY = ("Kaspersky Endpoint Security for Windows", "AO Kaspersky Lab", "12.3.0.493")
KMSAUTO = ("KMSAuto Net 1.5.4", "", "1.5.4")
HEU = ("HEU KMS Activator v42.0.2", "", "42.0.2")
# the group's own register of what its licensed KMS host has activated: a namesake, to be rejected
NAMESAKE = ("KMS Activation 登记系统", "华新集团信息中心", "1.2")
WPS = ("WPS Office 专业版", "北京金山办公软件股份有限公司", "12.1.0.16929")
HUORONG = ("火绒安全软件", "北京火绒网络科技有限公司", "5.0.77.2")
U8 = ("用友U8+", "用友网络科技股份有限公司", "16.5")

DESIGN = range(1, 23)
TRADE = range(1, 21)
WITH_AUTOCAD = set(range(1, 13))             # 12, of which 8 are licensed in the story
WITH_ZWCAD = set(range(13, 19))              # 6
WITH_KMSAUTO = {7}
WITH_NAMESAKE = {15}
WITH_WPS = {2, 4, 5, 8, 11, 13, 16, 19}      # 8, none of them licensed
WITH_U8 = {3, 6, 9}
WITH_HEU = {13}
CLEANED_DESIGN = {7}
CLEANED_TRADE = {2, 5, 13}                   # WPS goes from these, and HEU from one of them


def person(i):
    return SURNAMES[i % len(SURNAMES)] + GIVEN[(i * 7) % len(GIVEN)]


def free(i):
    """All but three of the free programs, others on each computer."""
    return [p for k, p in enumerate(FREE) if (k + i) % 4 != 0]


def design_software(i, cleaned):
    software = SYSTEM + free(i) + [KASPERSKY, LIBREOFFICE]
    software += [UNKNOWN[0]] if i % 2 else [FASTVIEW]
    software += [AUTOCAD] if i in WITH_AUTOCAD else []
    software += [ZWCAD] if i in WITH_ZWCAD else []
    software += [NAMESAKE] if i in WITH_NAMESAKE else []
    software += [KMSAUTO] if i in WITH_KMSAUTO and not cleaned else []
    return software


def trade_software(i, cleaned):
    software = SYSTEM[:1] + free(i + 1)[:6] + [HUORONG]
    software += [UNKNOWN[1]] if i % 3 == 0 else []
    software += [U8] if i in WITH_U8 else []
    if i in WITH_WPS and not cleaned:
        software += [WPS]
    else:
        software += [LIBREOFFICE]
    software += [HEU] if i in WITH_HEU and not cleaned else []
    return software


def install_date(i, title):
    """Of the title, not of its place: cleaning one program must not move the others' dates."""
    k = sum(title.encode("utf-8"))
    return "%04d-%02d-%02d" % (2023 + (i + k) % 3, 1 + (i * 5 + k) % 12, 1 + (i * 3 + k * 7) % 28)


def design_inventory(i, cleaned):
    name = "SJ-%03d" % i
    os_version = "10.0.22631" if i % 3 else "10.0.19045"
    softwares = []
    for title, publisher, version in design_software(i, cleaned):
        item = {"name": title, "version": version, "arch": "x86_64", "from": "registry",
                "install_date": install_date(i, title)}
        if publisher:
            item["publisher"] = publisher
        softwares.append(item)
    return {
        "action": "inventory",
        "deviceid": "%s-2025-03-%02d-09-00-00" % (name, i),
        "itemtype": "Computer",
        "content": {
            "versionclient": "GLPI-Agent_v1.11",
            "bios": {"smanufacturer": "Lenovo", "smodel": "ThinkStation P3" if i % 4 else "ThinkPad P16",
                     "ssn": "HXSJ%05d" % (20000 + i), "assettag": "HX-GD-%04d" % (1000 + i)},
            "hardware": {"name": name, "uuid": "5f2c8e10-7a41-4d3b-9c6e-0000000%05d" % i,
                         "chassis_type": "Desktop" if i % 4 else "Notebook", "vmsystem": "Physical",
                         "lastloggeduser": person(i)},
            "operatingsystem": {"name": "Windows", "kernel_name": "MSWin32", "arch": "64-bit",
                                "full_name": "Microsoft Windows 11 专业版" if i % 3
                                else "Microsoft Windows 10 专业版", "version": os_version},
            "networks": [{"description": "以太网", "type": "ethernet",
                          "mac": "3c:52:82:01:%02x:01" % i}],
            "antivirus": [{"name": "Kaspersky Endpoint Security for Windows",
                           "company": "AO Kaspersky Lab", "version": "12.3.0.493", "enabled": True,
                           "uptodate": False, "expiration": "2026-06-30"}],
            "softwares": softwares,
        },
    }


def trade_table(computers, cleaned):
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(["计算机编号", "使用部门", "使用人", "序列号", "操作系统", "软件名称", "版本", "厂商",
                    "安装日期"])
    departments = ["采购部", "销售部", "财务部", "仓储部"]
    for i in computers:
        for title, publisher, version in trade_software(i, cleaned):
            table.writerow(["SM-%03d" % i, departments[i % 4], person(i + 11), "HXSM%05d" % (30000 + i),
                            "Windows 10 专业版", title, version, publisher, install_date(i, title)])
    return out.getvalue()


def expected():
    """unit, product of the catalogue, computers before, computers after."""
    rows = [
        ("design", "microsoft.windows", len(DESIGN), len(DESIGN)),
        ("design", "autodesk.autocad", len(WITH_AUTOCAD), len(WITH_AUTOCAD)),
        ("design", "zwsoft.zwcad", len(WITH_ZWCAD), len(WITH_ZWCAD)),
        ("design", "kaspersky.endpoint", len(DESIGN), len(DESIGN)),
        ("design", "activator.kmsauto", len(WITH_KMSAUTO), len(WITH_KMSAUTO - CLEANED_DESIGN)),
        ("design", "activator.kms-emulator", len(WITH_NAMESAKE), len(WITH_NAMESAKE)),
        ("trade", "microsoft.windows", len(TRADE), len(TRADE)),
        ("trade", "kingsoft.wps-pro", len(WITH_WPS), len(WITH_WPS - CLEANED_TRADE)),
        ("trade", "yonyou.u8", len(WITH_U8), len(WITH_U8)),
        ("trade", "activator.heu", len(WITH_HEU), len(WITH_HEU - CLEANED_TRADE)),
    ]
    return "unit\tproduct\tbefore\tafter\n" + "".join("%s\t%s\t%d\t%d\n" % r for r in rows)


def everything():
    """{path below DIR: text}"""
    files = {"expected.tsv": expected(), "trade/computers.csv": trade_table(TRADE, False),
             "after/trade/computers_cleaned.csv": trade_table(sorted(CLEANED_TRADE), True)}
    for i in DESIGN:
        files["design/SJ-%03d.json" % i] = design_inventory(i, False)
    for i in sorted(CLEANED_DESIGN):
        files["after/design/SJ-%03d.json" % i] = design_inventory(i, True)
    return {path: text if isinstance(text, str)
            else json.dumps(text, ensure_ascii=False, indent=1) + "\n"
            for path, text in files.items()}


def main(argv):
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
    if len(argv) > 2 or (len(argv) == 2 and argv[1].startswith("-") and argv[1] != "--check"):
        print(__doc__, file=sys.stderr)
        return 2
    checking = argv[1:] == ["--check"]
    top = here if checking or len(argv) < 2 else argv[1]
    wrong = 0
    for path, text in sorted(everything().items()):
        full = os.path.join(top, path)
        data = text.encode("utf-8")
        if not checking:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(data)
            continue
        try:
            with open(full, "rb") as f:
                same = f.read() == data
        except FileNotFoundError:
            same = False
        if not same:
            print("%s is not what make_inventories.py writes" % path)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
