/* i18n.h - messages in the reader's language: gettext over cli/po/.
 *
 * What is printed for people is wrapped in _(); what stands in a static table in N_(), and in _()
 * where it is printed. JSON keys, states and ids stay as they are: programs read them. */
#ifndef CLI_I18N_H
#define CLI_I18N_H

#include <libintl.h>

#define _(text)  gettext(text)
#define N_(text) text

/* i18n_start - takes the language from the environment (LANGUAGE, LC_ALL, LC_MESSAGES, LANG).
 * Catalogues are looked for in the build's locale folder, then in the system's. */
void i18n_start(void);

#endif
