# The MPI implementations of this machine, each where it is found:
#
#   TUTTI_OPENMPI_RUN   the command that starts ranks, up to the program: "${TUTTI_OPENMPI_RUN} -n 3 …"
#   TUTTI_MPICH_RUN     likewise
#   PkgConfig::OPENMPI, PkgConfig::MPICH   what a program that calls MPI links
#
# Debian installs both side by side. Tests start more ranks than there are cores, also as root.
find_program(TUTTI_OPENMPI_LAUNCHER mpirun.openmpi)
find_program(TUTTI_MPICH_LAUNCHER mpirun.mpich)
mark_as_advanced(TUTTI_OPENMPI_LAUNCHER TUTTI_MPICH_LAUNCHER)
if(TUTTI_OPENMPI_LAUNCHER)
  set(TUTTI_OPENMPI_RUN ${TUTTI_OPENMPI_LAUNCHER} --allow-run-as-root --oversubscribe --bind-to none)
endif()
if(TUTTI_MPICH_LAUNCHER)
  set(TUTTI_MPICH_RUN ${TUTTI_MPICH_LAUNCHER})
endif()

find_package(PkgConfig)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(OPENMPI QUIET IMPORTED_TARGET GLOBAL ompi-c)
  pkg_check_modules(MPICH QUIET IMPORTED_TARGET GLOBAL mpich)
endif()
