// Of Android itself, https://developer.android.com/reference: what Java has as getters stands as properties.

package android.content

import android.content.res.AssetManager
import java.io.File

open class Context {
    val assets: AssetManager = TODO()
    val filesDir: File = TODO()
    fun checkSelfPermission(permission: String): Int = TODO()
}
