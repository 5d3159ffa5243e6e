/* test_doctor.c - what cannot be broken from outside in a moment: room on a disk. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "cli/doctor.h"

static const uint64_t MIB = 1024 * 1024, GIB = 1024 * 1024 * 1024;

Test(doctor, is_content_with_a_store_that_has_room_in_itself_and_on_the_disk)
{
    cr_assert(eq(int, doctor_room(0, 64 * GIB, 600 * MIB), DOCTOR_FINE));
    cr_assert(eq(int, doctor_room(51 * GIB, 64 * GIB, 2 * GIB), DOCTOR_FINE));
}

Test(doctor, warns_of_a_store_that_fills_before_it_is_full)
{
    cr_assert(eq(int, doctor_room(52 * GIB, 64 * GIB, 100 * GIB), DOCTOR_WARNING));
    cr_assert(eq(int, doctor_room(61 * GIB, 64 * GIB, 100 * GIB), DOCTOR_BROKEN));
    cr_assert(eq(int, doctor_room(70 * GIB, 64 * GIB, 100 * GIB), DOCTOR_BROKEN));
}

Test(doctor, warns_of_a_disk_that_fills_however_large_the_store_may_grow)
{
    cr_assert(eq(int, doctor_room(MIB, 64 * GIB, 511 * MIB), DOCTOR_WARNING));
    cr_assert(eq(int, doctor_room(MIB, 64 * GIB, 63 * MIB), DOCTOR_BROKEN));
    cr_assert(eq(int, doctor_room(MIB, 64 * GIB, 0), DOCTOR_BROKEN));
}

Test(doctor, knows_which_addresses_are_of_this_host)
{
    cr_assert(doctor_is_here("tcp://127.0.0.1:7100"));
    cr_assert(doctor_is_here("tcp://*:7100"));
    cr_assert(not(doctor_is_here("tcp://192.0.2.1:7100")));
}
