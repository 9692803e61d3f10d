package android

class Manifest {
    class permission {
        companion object {
            const val CAMERA = "android.permission.CAMERA"
        }
    }
}
