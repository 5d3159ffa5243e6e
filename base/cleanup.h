/* cleanup.h - scope-owned resources.
 *
 * CLEANUP(fn) runs fn(&variable) when the variable leaves its scope; TAKE_PTR hands the resource
 * over and leaves NULL behind, so the same variable may be returned or given away. Destructors
 * accept a pointer to NULL. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define TAKE_PTR(ptr)                   \
    ({                                  \
        __typeof__(ptr) taken_ = (ptr); \
        (ptr) = NULL;                   \
        taken_;                         \
    })

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Defines fn##p(T **), the form that CLEANUP wants, for a destructor fn(T *). */
// NOLINTBEGIN(bugprone-macro-parentheses): a type in a declaration cannot stand in parentheses
#define CLEANUP_DEFINE(type, fn)             \
    static inline void fn##p(type *resource) \
    {                                        \
        if (*resource != NULL)               \
            fn(*resource);                   \
    }                                        \
    _Static_assert(sizeof(type) == sizeof(void *), "CLEANUP_DEFINE wants a pointer type")
// NOLINTEND(bugprone-macro-parentheses)

/* freep - CLEANUP(freep) for anything from malloc. */
static inline void freep(void *ptr_to_ptr)
{
    free(*(void **)ptr_to_ptr);
}

#endif
