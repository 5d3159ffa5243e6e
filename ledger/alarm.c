/* alarm.c - what rings until a person has seen to it. */
#include "ledger/case.h"

#include <errno.h>

static int alarm_get(const struct ruling *at, const char *kind, const char *subject,
                     Zb__AlarmRecord **ret_alarm)
{
    int r = LEDGER_GET(at->view, TABLE_ALARM, key_text_text(kind, subject), at->arena, ret_alarm);
    if (r == -ENOENT)
        *ret_alarm = NULL;
    return r == -ENOENT ? 0 : r;
}

static void alarm_put(const struct ruling *at, const Zb__AlarmRecord *alarm)
{
    struct ledger_key key = key_text_text(alarm->kind, alarm->subject);
    emit_put(at->out, TABLE_ALARM, ledger_key_bytes(&key), &alarm->base);
}

int alarm_raise(const struct ruling *at, const char *kind, const char *subject, const char *format,
                ...)
{
    Zb__AlarmRecord *standing;
    int r = alarm_get(at, kind, subject, &standing);
    if (r < 0 || (standing != NULL && !standing->cleared))
        return r;
    char text[256];
    va_list args;
    va_start(args, format);
    case_text(text, sizeof(text), format, args);
    va_end(args);
    Zb__AlarmRecord alarm = ZB__ALARM_RECORD__INIT;
    alarm.kind = arena_strdup(at->arena, bytes_str(kind));
    alarm.subject = arena_strdup(at->arena, bytes_str(subject));
    alarm.text = text;
    alarm.since_ms = at->now_ms;
    if (alarm.kind == NULL || alarm.subject == NULL)
        return -ENOMEM;
    alarm_put(at, &alarm);
    return output_error(at->out);
}

int alarm_clear(const struct ruling *at, const char *kind, const char *subject)
{
    Zb__AlarmRecord *standing;
    int r = alarm_get(at, kind, subject, &standing);
    if (r < 0 || standing == NULL || standing->cleared)
        return r;
    standing->cleared = true;
    standing->cleared_ms = at->now_ms;
    alarm_put(at, standing);
    return output_error(at->out);
}

int alarm_stands(const struct ruling *at, const char *kind, const char *subject)
{
    Zb__AlarmRecord *standing;
    int r = alarm_get(at, kind, subject, &standing);
    return r < 0 ? r : standing != NULL && !standing->cleared;
}
