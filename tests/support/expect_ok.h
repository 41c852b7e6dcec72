// EXPECT and ASSERT that a Status or the status() of a Result is OK, else print it.

#pragma once

#include <gtest/gtest.h>

#include "tutti/status.h"

#define EXPECT_OK(expression)                                   \
  do {                                                          \
    const ::tutti::Status status_of_it = (expression);          \
    EXPECT_TRUE(status_of_it.ok()) << status_of_it.to_string(); \
  } while (false)

#define ASSERT_OK(expression)                                   \
  do {                                                          \
    const ::tutti::Status status_of_it = (expression);          \
    ASSERT_TRUE(status_of_it.ok()) << status_of_it.to_string(); \
  } while (false)
