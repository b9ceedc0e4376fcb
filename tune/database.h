/* What the rest of the tuner sees of the database beyond tune.h. */
#ifndef WN_TUNE_DATABASE_H
#define WN_TUNE_DATABASE_H

#include "record.h"
#include "tune.h"

/* The latest record of a problem for this machine, or NULL; valid until the next wn_tune_db_add. */
const wn_record *wn_tune_db_find(const wn_tune_db *db, const wn_problem *problem, wn_isa isa, int threads);

#endif
