// Files of other processes, by the number of their descriptor there. Tested by device_test.cc.

#pragma once

#include "device/descriptor.h"
#include "tutti/status.h"

namespace tutti {

/// A descriptor of the file that `process` knows as `number`: what it has open, not opened anew.
/// kNotSupported when this process may not trace the other, saying what would have to change.
Result<Descriptor> descriptor_of(int process, int number);

/// Whether processes of one user may get descriptors of each other: nothing on this machine
/// restricts tracing to a process's parents.
bool descriptors_can_be_had();

/// The same file opened anew, where it can be: memory of the system can (memfd), a driver's cannot.
/// Permitted in more cases.
Result<Descriptor> reopen(int process, int number);

}  // namespace tutti
