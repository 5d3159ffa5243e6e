/* table.c - names and record types, by table number. */
#include "ledger/table.h"

struct table_row {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
};

/* The descriptors are objects of the generated code: their addresses are constants. */
static const struct table_row table_rows[TABLE_END] = {
    [TABLE_STATE] = { "state", &zb__state_record__descriptor },
    [TABLE_GENESIS] = { "genesis", &zb__genesis_record__descriptor },
    [TABLE_COUNTER] = { "counter", &zb__counter_record__descriptor },
    [TABLE_KEY] = { "key", &zb__key_record__descriptor },
    [TABLE_PRODUCER] = { "producer", &zb__producer_record__descriptor },
    [TABLE_ONCE] = { "once", &zb__once_record__descriptor },
    [TABLE_REFUSAL] = { "refusal", &zb__refusal_record__descriptor },
    [TABLE_COMMAND] = { "command", &zb__command_record__descriptor },
    [TABLE_ROW] = { "row", &zb__row_record__descriptor },
    [TABLE_VERDICT] = { "verdict", &zb__verdict_record__descriptor },
    [TABLE_TODO] = { "todo", NULL },
    [TABLE_WAITING] = { "waiting", NULL },
    [TABLE_ENDPOINT] = { "endpoint", &zb__endpoint_record__descriptor },
    [TABLE_REPORT] = { "report", &zb__report_record__descriptor },
    [TABLE_SEEN] = { "seen", NULL },
    [TABLE_SET] = { "set", &zb__set_record__descriptor },
    [TABLE_INSTALL] = { "install", &zb__install_record__descriptor },
    [TABLE_UNIT] = { "unit", &zb__unit_record__descriptor },
    [TABLE_OFFICIAL] = { "official", &zb__official_record__descriptor },
    [TABLE_RIGHT] = { "right", &zb__right_record__descriptor },
    [TABLE_POSITION] = { "position", &zb__position_record__descriptor },
    [TABLE_CATALOGUE] = { "catalogue", &zb__catalogue_record__descriptor },
    [TABLE_CALENDAR] = { "calendar", &zb__calendar_record__descriptor },
    [TABLE_CASE] = { "case", &zb__case_record__descriptor },
    [TABLE_LINE] = { "line", &zb__line_record__descriptor },
    [TABLE_RUNG] = { "rung", &zb__rung_record__descriptor },
    [TABLE_NOTICE] = { "notice", &zb__notice_record__descriptor },
    [TABLE_PROOF] = { "proof", &zb__proof_record__descriptor },
    [TABLE_ALARM] = { "alarm", &zb__alarm_record__descriptor },
    [TABLE_PRIVATE] = { "private", &zb__private_record__descriptor },
    [INDEX_ROW] = { "i_row", NULL },
    [INDEX_ENDPOINT] = { "i_endpoint", NULL },
    [INDEX_JOIN] = { "i_join", NULL },
    [INDEX_UNIT_ENDPOINT] = { "i_unit_end", NULL },
    [INDEX_CHILD] = { "i_child", NULL },
    [INDEX_PRODUCT] = { "i_product", NULL },
    [INDEX_RIGHT] = { "i_right", NULL },
    [INDEX_CASE] = { "i_case", NULL },
    [INDEX_DUE] = { "i_due", NULL },
    [INDEX_OUTBOX] = { "i_outbox", NULL },
    [INDEX_OFFICIAL] = { "i_official", NULL },
};

static const struct table_row *table_row(enum ledger_table table)
{
    return (unsigned)table < TABLE_END ? &table_rows[table] : &table_rows[0];
}

const char *ledger_table_name(enum ledger_table table)
{
    return table_row(table)->name;
}

const ProtobufCMessageDescriptor *ledger_table_descriptor(enum ledger_table table)
{
    return table_row(table)->descriptor;
}
