// Marks what the shared library offers; everything else in it is hidden.

#pragma once

#define TUTTI_API __attribute__((visibility("default")))
