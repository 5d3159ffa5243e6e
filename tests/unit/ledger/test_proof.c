/* Proof: what closes a line of each class, and what a rejection holds against. */
#include "tests/unit/ledger/case_stories.h"

/* ---- proof ---- */

Test(case_proof, of_class_a_is_a_later_complete_scan)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_ENFORCED);
    order(home);
    home_uninstall(home, "branch", CRACK, 1);
    home_report(home, 1, "2026-03-02 14:00", "2026-03-02 08:00"); /* last scan was incomplete */
    home_sleep(home, "2026-03-02 14:01");
    home_assess(home, CRACK);
    cr_assert(eq(int, state(home, 1), CASE_ORDERED));
    home_report(home, 1, "2026-03-02 15:00", "2026-03-02 15:00");
    home_sleep(home, "2026-03-02 15:01");
    home_assess(home, CRACK);
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
    cr_assert(not(home_case(home, 1)->late));
    cr_assert(eq(str, home_line(home, 1, 1)->closed_why,
                 (char *)"removed, complete scan of 2026-03-02 15:00:00+08:00"));
    home_until(home, "2026-03-02 16:00");
    cr_assert(eq(u32, home_roles_told(home, 1, "closed", 0),
                 1u << OFFICIAL_HANDLER | 1u << OFFICIAL_DEPT_HEAD | 1u << OFFICIAL_DEPUTY));
    home_until(home, "2026-06-01");
    cr_assert(eq(sz, home_sent_count(home, 1, "overdue"), 0));
}

Test(case_proof, is_looked_for_again_each_morning_while_a_complete_scan_is_wanting)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_ENFORCED);
    order(home);
    home_uninstall(home, "branch", CRACK, 1);
    home_report(home, 1, "2026-03-02 14:00", "2026-03-02 08:00");
    home_sleep(home, "2026-03-02 14:01");
    home_assess(home, CRACK);
    /* An unchanged position asks for no assessment, yet the scan is found before T fires. */
    home_report(home, 1, "2026-03-02 18:00", "2026-03-02 18:00");
    home_until(home, "2026-03-03 09:30");
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
    cr_assert(eq(sz, home_sent_count(home, 1, "reminder"), 0));
}

Test(case_proof, made_before_the_deadline_and_received_later_counts_as_on_time)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_ENFORCED);
    order(home);
    home_until(home, "2026-03-05 10:00");
    cr_assert(eq(int, state(home, 1), CASE_OVERDUE));
    home_uninstall(home, "branch", CRACK, 1);
    home_report(home, 1, "2026-03-03 23:59", "2026-03-03 23:59");
    home_assess(home, CRACK);
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
    cr_assert(not(home_case(home, 1)->late));
}

Test(case_proof, made_after_the_deadline_is_late)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_ENFORCED);
    order(home);
    home_until(home, "2026-03-05 10:00");
    home_uninstall(home, "branch", CRACK, 1);
    home_report(home, 1, "2026-03-04 00:00", "2026-03-04 00:00"); /* 24:00 of the due day */
    home_assess(home, CRACK);
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
    cr_assert(home_case(home, 1)->late);
}

Test(case_proof, is_not_that_the_computer_has_moved_or_is_retired)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_ENFORCED);
    order(home);
    home_uninstall(home, "branch", CRACK, 1);
    home_install(home, "hq", CRACK, CLASS_PROHIBITED, 1, "2026-03-02 08:00", 1);
    home_report(home, 1, "2026-03-02 14:00", "2026-03-02 14:00");
    home_sleep(home, "2026-03-02 14:01");
    home_assess(home, CRACK);
    cr_assert(eq(int, state(home, 1), CASE_ORDERED));
    home_uninstall(home, "hq", CRACK, 1);
    Zb__EndpointRecord retired = ZB__ENDPOINT_RECORD__INIT;
    uint8_t id[16] = { 1 };
    retired.unit = (char *)(uintptr_t) "branch";
    retired.producer = retired.endpoint = blob_of(bytes_of(id, sizeof(id)));
    retired.retired = true;
    home_put(home, TABLE_ENDPOINT, key_u64(1), &retired.base);
    home_assess(home, CRACK);
    cr_assert(eq(int, state(home, 1), CASE_ORDERED));
}

Test(case_proof, of_class_b_is_removal_or_a_right_with_proof_that_covers_every_line)
{
    CLEANUP(home_freep) struct home *home = unlicensed(2);
    order(home);
    home_right(home, 1, CAD, 1, true);
    home_position(home, CAD, CLASS_COMMERCIAL, 2, 1, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_ORDERED)); /* covers one of two */
    cr_assert(eq(sz, home_cases(home), 1));           /* and opens no class E beside it */
    home_right(home, 2, CAD, 1, false);
    home_position(home, CAD, CLASS_COMMERCIAL, 2, 0, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_ORDERED)); /* a right without proof proves nothing */
    home_right(home, 2, CAD, 1, true);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
    cr_assert(eq(str, home_case(home, 1)->closed_why, (char *)"right 2"));
}

Test(case_proof, of_class_d_is_as_of_class_b)
{
    CLEANUP(home_freep) struct home *home = opened("2026-03-02 10:00", PHASE_ENFORCED);
    home_install(home, "branch", CAD, CLASS_COMMERCIAL, 1, "2026-03-02 08:00", 1);
    home_position(home, CAD, CLASS_COMMERCIAL, 1, 1, 0, 1);
    home_assess(home, CAD);
    cr_assert(eq(int, home_case(home, 1)->class_, CASE_D));
    home_right(home, 5, CAD, 1, true);
    home_position(home, CAD, CLASS_COMMERCIAL, 1, 0, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
}

Test(case_proof, of_class_e_reduces_the_newest_line_first)
{
    CLEANUP(home_freep) struct home *home = wanting(3);
    home_position(home, CAD, CLASS_COMMERCIAL, 12, 5, 0, 0);
    home_assess(home, CAD);
    home_position(home, CAD, CLASS_COMMERCIAL, 14, 7, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(u64, home_line(home, 1, 1)->quantity, 3));
    cr_assert(eq(u64, home_line(home, 1, 2)->quantity, 2));
    cr_assert(eq(u64, home_line(home, 1, 3)->quantity, 2));
    home_position(home, CAD, CLASS_COMMERCIAL, 11, 4, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(u64, home_line(home, 1, 1)->quantity, 3));
    cr_assert(eq(u64, home_line(home, 1, 2)->quantity, 1));
    cr_assert(eq(int, home_line(home, 1, 2)->state, LINE_OPEN));
    cr_assert(eq(int, home_line(home, 1, 3)->state, LINE_CLOSED));
    cr_assert(eq(u64, home_line(home, 1, 3)->first_quantity, 2));
    home_position(home, CAD, CLASS_COMMERCIAL, 7, 0, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
}

Test(case_proof, of_class_e_is_no_right_without_proof)
{
    CLEANUP(home_freep) struct home *home = wanting(3);
    home_right(home, 2, CAD, 3, false);
    home_position(home, CAD, CLASS_COMMERCIAL, 10, 0, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_SUSPECTED));
    cr_assert(eq(u64, home_line(home, 1, 1)->quantity, 3));
    home_right(home, 2, CAD, 3, true);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
}

Test(case_proof, is_no_right_for_another_edition)
{
    CLEANUP(home_freep) struct home *home = unlicensed(1);
    order(home);
    home_right(home, 1, CAD, 1, false); /* covers it, by word alone */
    Zb__RightRecord other = ZB__RIGHT_RECORD__INIT;
    uint8_t digest[32] = { 7 };
    char *editions[] = { (char *)(uintptr_t) "lt" };
    other.id = 2;
    other.unit = (char *)(uintptr_t) "branch";
    other.product = (char *)(uintptr_t)CAD;
    other.version_low = other.version_high = (char *)(uintptr_t) "9";
    other.n_editions = 1;
    other.editions = editions;
    other.quantity = 5;
    other.proof = blob_of(bytes_of(digest, sizeof(digest)));
    home_put(home, TABLE_RIGHT, key_u64(2), &other.base);
    Zb__InstallRecord install = ZB__INSTALL_RECORD__INIT;
    uint8_t row = 1;
    install.rows = blob_of(bytes_of(&row, 1));
    install.since_ms = at("2026-03-02 08:00");
    install.licence_class = CLASS_COMMERCIAL;
    install.edition = (char *)(uintptr_t) "pro";
    install.version = (char *)(uintptr_t) "7";
    home_put(home, TABLE_INSTALL, key_text_text_u64("branch", CAD, 1), &install.base);
    home_position(home, CAD, CLASS_COMMERCIAL, 1, 0, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_ORDERED));
    home_right(home, 1, CAD, 1, true);
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
}

Test(case_proof, tells_how_much_was_put_right)
{
    CLEANUP(home_freep) struct home *home = wanting(3);
    home_position(home, CAD, CLASS_COMMERCIAL, 7, 0, 0, 0);
    home_assess(home, CAD);
    const Zb__NoticeRecord *closed = home_notice(home, 2);
    cr_assert(eq(str, closed->template_, (char *)"closed"));
    for (size_t i = 0; i < closed->n_facts; i++) {
        if (strcmp(closed->facts[i]->name, "count") == 0)
            cr_assert(eq(str, closed->facts[i]->value, (char *)"3"));
        if (strcmp(closed->facts[i]->name, "why") == 0)
            cr_assert(eq(str, closed->facts[i]->value, (char *)"installed 7, rights with proof 7"));
    }
}

/* ---- rejection ---- */

Test(case_reject, holds_while_the_evidence_is_the_same)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_ENFORCED);
    cr_assert(eq(int,
                 home_command(home, "case.reject", "unit", "branch", "case", "1", "reason",
                              "in-house tool of the same name", NULL),
                 REFUSAL_NONE));
    cr_assert(eq(int, state(home, 1), CASE_REJECTED));
    home_assess(home, CRACK);
    cr_assert(eq(sz, home_cases(home), 1));
    /* Another computer opens a case of its own line alone; the rejected one stays rejected. */
    home_install(home, "branch", CRACK, CLASS_PROHIBITED, 2, "2026-03-02 09:00", 1);
    home_assess(home, CRACK);
    cr_assert(eq(sz, home_cases(home), 2));
    cr_assert(eq(u64, home_line(home, 2, 2)->endpoint, 2));
    cr_assert(eq(int, home_line(home, 2, 1)->state, LINE_REJECTED));
    home_assess(home, CRACK);
    cr_assert(eq(sz, home_cases(home), 2));
    /* Closing the second case does not forget the rejection. */
    home_uninstall(home, "branch", CRACK, 2);
    home_report(home, 2, "2026-03-02 11:00", "2026-03-02 11:00");
    home_sleep(home, "2026-03-02 11:30");
    home_assess(home, CRACK);
    cr_assert(eq(int, state(home, 2), CASE_CLOSED));
    home_sleep(home, "2026-03-02 11:40");
    home_assess(home, CRACK);
    cr_assert(eq(sz, home_cases(home), 2));
    /* Other rows on the first computer are new evidence. */
    home_install(home, "branch", CRACK, CLASS_PROHIBITED, 1, "2026-03-02 08:00", 9);
    home_assess(home, CRACK);
    cr_assert(eq(sz, home_cases(home), 3));
    cr_assert(eq(int, state(home, 3), CASE_SUSPECTED));
}

Test(case_reject, holds_for_a_quantity_until_the_shortage_falls_below_it)
{
    CLEANUP(home_freep) struct home *home = wanting(3);
    cr_assert(eq(int,
                 home_command(home, "case.reject", "unit", "branch", "case", "1", "reason",
                              "spare machines in the store", NULL),
                 REFUSAL_NONE));
    home_assess(home, CAD);
    cr_assert(eq(sz, home_cases(home), 1));
    home_position(home, CAD, CLASS_COMMERCIAL, 12, 5, 0, 0);
    home_assess(home, CAD);
    cr_assert(eq(sz, home_cases(home), 2));
    cr_assert(eq(u64, home_line(home, 2, 2)->quantity, 2));
    home_position(home, CAD, CLASS_COMMERCIAL, 8, 1, 0, 0);
    home_sleep(home, "2026-03-02 12:00");
    home_assess(home, CAD);
    cr_assert(eq(int, state(home, 2), CASE_CLOSED));
    home_position(home, CAD, CLASS_COMMERCIAL, 10, 3, 0, 0);
    home_sleep(home, "2026-03-02 13:00");
    home_assess(home, CAD);
    cr_assert(eq(sz, home_cases(home), 3));
    cr_assert(eq(u64, home_line(home, 3, 2)->quantity, 2));
}
