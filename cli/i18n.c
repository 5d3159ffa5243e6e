/* i18n.c - binds the command's messages to their translations. */
#include "cli/i18n.h"

#include <locale.h>
#include <unistd.h>

static const char DOMAIN[] = "zhengban";

void i18n_start(void)
{
    /* Without a usable locale messages stay English, which is no reason to stop. Numbers keep the
     * C form: they are read by programs too. */
    (void)setlocale(LC_CTYPE, "");
    (void)setlocale(LC_MESSAGES, "");
    (void)bindtextdomain(DOMAIN,
                         access(ZB_LOCALE_DIR, R_OK) == 0 ? ZB_LOCALE_DIR : ZB_LOCALE_INSTALLED);
    (void)bind_textdomain_codeset(DOMAIN, "UTF-8");
    (void)textdomain(DOMAIN);
}
