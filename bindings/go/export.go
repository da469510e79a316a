package chld

// #include <stddef.h>
// #include <stdint.h>
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// Called by C in a turn of the set, on the thread of the goroutine that is in Lines.
//
//export chld_go_line
func chld_go_line(handle C.uintptr_t, stream C.int, line *C.char, size C.size_t) C.int {
	sink := cgo.Handle(handle).Value().(*lines)
	return C.int(sink.take1(int(stream), unsafe.Slice((*byte)(unsafe.Pointer(line)), int(size))))
}
