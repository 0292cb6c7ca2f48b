# What every stage runs with.  usage: . env.sh WORK
# Threads that wait spin for half a millisecond, then sleep: to sleep at once is slow on a virtual machine, whose idle
# cores are lent away; to spin for longer takes the core that the other thread needs when other work has one.
export GOMP_SPINCOUNT=10000
# Memory is kept rather than given back to the system: fresh pages for every large tensor cost a quarter of the time.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=67108864
export GLIBC_TUNABLES=glibc.malloc.hugetlb=1
export TORCHINDUCTOR_CACHE_DIR="$1/compiled" PYTHONUNBUFFERED=1
